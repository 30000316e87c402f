"""The results of whatever stages have run, read back with their types."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from sftctl.curate.result import CurateResult
from sftctl.errors import StorageFailed
from sftctl.eval.result import EvalResult
from sftctl.manifest import Manifest, Stage, read_manifest
from sftctl.run_dir import RunDir
from sftctl.smoke_test.result import SmokeTestResult
from sftctl.train.result import TrainResult

Result = TypeVar("Result", bound=BaseModel)


@dataclass(frozen=True)
class Results:
    """None stands for a stage that has not run. `out_of_date`: what changed since the result of a stage."""

    manifest: Manifest
    curate: CurateResult | None
    smoke_test: SmokeTestResult | None
    train: TrainResult | None
    eval: EvalResult | None
    metrics: tuple[dict[str, Any], ...]
    recipe: str
    out_of_date: Mapping[Stage, str]


def read_results(run_dir: RunDir, out_of_date: Mapping[Stage, str] = MappingProxyType({})) -> Results:
    """Raises StorageFailed for a result file that is not what its stage writes."""
    return Results(
        manifest=read_manifest(run_dir),
        curate=_read(run_dir.curate_result, CurateResult),
        smoke_test=_read(run_dir.smoke_test_result, SmokeTestResult),
        train=_read(run_dir.train_result, TrainResult),
        eval=_read(run_dir.eval_result, EvalResult),
        metrics=_read_metrics(run_dir.metrics),
        recipe=run_dir.resolved_recipe.read_text(encoding="utf-8") if run_dir.resolved_recipe.exists() else "",
        out_of_date=out_of_date,
    )


def _read(path: Path, kind: type[Result]) -> Result | None:
    try:
        return kind.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise StorageFailed(
            f"{path}: not a result of this version ({error.error_count()} fields differ). "
            "Run its stage again with --overwrite."
        ) from error


def _read_metrics(path: Path) -> tuple[dict[str, Any], ...]:
    if not path.exists():
        return ()
    return tuple(json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
