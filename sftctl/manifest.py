"""What produced this run: for each stage the hashes of what went in and came out, versions, seed and hardware."""

import hashlib
import json
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from sftctl.errors import INTERRUPTIONS, StorageFailed, told
from sftctl.run_dir import RunDir, write_json

Stage = Literal["curate", "smoke-test", "train", "eval"]

_PACKAGES = (
    "torch",
    "transformers",
    "trl",
    "peft",
    "accelerate",
    "datasets",
    "tokenizers",
    "pydantic",
    "numpy",
    "scipy",
    "ftfy",
    "rensa",
    "bitsandbytes",
    "torchao",
    "vllm",
    "lm_eval",
)


class StageRecord(BaseModel):
    """One finished stage. Its outputs are relative to the run directory."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    finished: str
    seconds: float
    seed: int
    passed: bool
    cost_usd: float | None = None
    inputs: dict[str, str]
    outputs: dict[str, str]
    versions: dict[str, str]
    hardware: dict[str, str]


class StageFailure(BaseModel):
    """How a stage failed the last time that it ended; forgotten once it has a result, or begins again."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ended: str
    seconds: float
    exit_code: int
    kind: str
    message: str
    cost_usd: float | None = None

    @property
    def in_short(self) -> str:
        return f"failed with exit code {self.exit_code}"


class Unfinished(BaseModel):
    """A stage that began, and has neither a result nor a failure since: it runs, was killed, or was interrupted.

    Only an interruption, which a signal asked for, has an end.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    began: str
    ended: str | None = None
    seconds: float | None = None
    exit_code: int | None = None
    message: str = ""
    cost_usd: float | None = None

    @property
    def in_short(self) -> str:
        return "did not end" if self.exit_code is None else f"was interrupted with exit code {self.exit_code}"


class Manifest(BaseModel):
    """The whole file. A stage is in one of `failures` and `unfinished` at most; its earlier result stays beside it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = 1
    sftctl: str
    stages: dict[Stage, StageRecord] = {}
    failures: dict[Stage, StageFailure] = {}
    unfinished: dict[Stage, Unfinished] = {}

    def attempt(self, stage: Stage) -> StageFailure | Unfinished | None:
        """How the stage ended, or did not, since its result."""
        return self.failures.get(stage) or self.unfinished.get(stage)


class StageState(BaseModel):
    """Whether a stage must run again, and why."""

    model_config = ConfigDict(frozen=True)

    state: Literal["done", "stale", "not begun"]
    passed: bool = False
    reason: str = ""


def read_manifest(run_dir: RunDir) -> Manifest:
    """An empty manifest where there is none yet. Raises StorageFailed for one that cannot be read."""
    try:
        return Manifest.model_validate_json(run_dir.manifest.read_bytes())
    except FileNotFoundError:
        return Manifest(sftctl=metadata.version("sftctl"))
    except ValidationError as error:
        raise StorageFailed(
            f"{run_dir.manifest}: damaged, or written by another version of sftctl: {error.errors()[0]['msg']}. "
            "Remove it and every stage runs again, or give the run another --run-dir."
        ) from error


def state_of(run_dir: RunDir, stage: Stage, inputs: Mapping[str, str]) -> StageState:
    """Compare a stage's record with what would go in now and with what its outputs hold now."""
    manifest = read_manifest(run_dir)
    record, attempt = manifest.stages.get(stage), manifest.attempt(stage)
    if record is None:
        return StageState(state="not begun", reason="" if attempt is None else attempt.in_short)
    changed = sorted(name for name in record.inputs.keys() | inputs if record.inputs.get(name) != inputs.get(name))
    if changed:
        return StageState(state="stale", reason=f"{', '.join(changed)} changed since")
    for name, digest in record.outputs.items():
        path = run_dir.root / name
        if not path.exists():
            return StageState(state="stale", reason=f"{path} is missing")
        if hash_path(path) != digest:
            return StageState(state="stale", reason=f"{path} was changed since")
    return StageState(state="done", passed=record.passed)


def record_begin(run_dir: RunDir, stage: Stage) -> None:
    """Before the stage does anything, so that even a kill leaves word of it."""
    manifest = _without_attempt(read_manifest(run_dir), stage)
    _write(run_dir, manifest, unfinished={**manifest.unfinished, stage: Unfinished(began=_now())})


def record_stage(run_dir: RunDir, stage: Stage, record: StageRecord) -> None:
    """Write the record; those of later stages stay, and turn stale by the hashes if their inputs changed."""
    manifest = _without_attempt(read_manifest(run_dir), stage)
    _write(run_dir, manifest, stages={**manifest.stages, stage: record})


def record_failure(run_dir: RunDir, stage: Stage, error: BaseException, ended: "Ended") -> None:
    """Beside the record of an earlier result, which is still there and still says what that was made from.

    An interruption is no failure, and is recorded as what ended the stage that began.
    """
    manifest, ending = read_manifest(run_dir), told(error)
    end = {
        "ended": _now(),
        "seconds": round(ended.seconds, 3),
        "exit_code": int(ending.exit_code),
        "message": ending.message,
        "cost_usd": ended.cost_usd,
    }
    if ending.exit_code in INTERRUPTIONS:
        began = manifest.unfinished.get(stage) or Unfinished(began=_now())
        interrupted = began.model_copy(update=end)
        _write(run_dir, manifest, unfinished={**manifest.unfinished, stage: interrupted})
    else:
        manifest = _without_attempt(manifest, stage)
        failure = StageFailure.model_validate({"kind": ending.kind, **end})
        _write(run_dir, manifest, failures={**manifest.failures, stage: failure})


def forget_attempt(run_dir: RunDir, stage: Stage) -> bool:
    """Once the earlier result holds again; whether there was an attempt since."""
    manifest = read_manifest(run_dir)
    if manifest.attempt(stage) is None:
        return False
    _write(run_dir, _without_attempt(manifest, stage))
    return True


def _without_attempt(manifest: Manifest, stage: Stage) -> Manifest:
    failures = {name: failure for name, failure in manifest.failures.items() if name != stage}
    unfinished = {name: attempt for name, attempt in manifest.unfinished.items() if name != stage}
    return manifest.model_copy(update={"failures": failures, "unfinished": unfinished})


def _write(run_dir: RunDir, manifest: Manifest, **changes: Any) -> None:
    updated = manifest.model_copy(update={**changes, "sftctl": metadata.version("sftctl")})
    write_json(run_dir.manifest, updated.model_dump())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


@dataclass(frozen=True)
class Ended:
    """How a stage ended. Its cost is that of the devices that it held; None where no price is known."""

    seed: int
    passed: bool
    seconds: float
    cost_usd: float | None = None


def new_record(run_dir: RunDir, ended: Ended, *, inputs: Mapping[str, str], outputs: Iterable[Path]) -> StageRecord:
    """A record of a stage that ended now; outputs that do not exist are left out."""
    return StageRecord(
        finished=_now(),
        seconds=round(ended.seconds, 3),
        seed=ended.seed,
        passed=ended.passed,
        cost_usd=ended.cost_usd,
        inputs=dict(inputs),
        outputs={str(path.relative_to(run_dir.root)): hash_path(path) for path in outputs if path.exists()},
        versions=versions(),
        hardware=hardware(),
    )


def versions() -> dict[str, str]:
    """Installed versions of what can change a result."""
    found = {"python": platform.python_version(), "sftctl": metadata.version("sftctl")}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def hardware() -> dict[str, str]:
    """The machine in words, without its name."""
    return {"system": platform.system(), "machine": platform.machine(), "processor": _processor()}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} x {names[0]}" if names else platform.processor()


def hash_value(value: Any) -> str:
    """SHA-256 of a value's JSON with sorted keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def hash_path(path: Path) -> str:
    """SHA-256 of a file, or of a folder's names and files in order."""
    if path.is_file():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    entries = [(str(entry.relative_to(path)), hash_path(entry)) for entry in sorted(path.rglob("*")) if entry.is_file()]
    return hash_value(entries)
