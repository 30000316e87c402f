"""Where a model comes from: a folder, an adapter's folder, the hub or the package; and why it could not be had."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from sftctl.demo import paths
from sftctl.errors import EnvironmentProblem, SftctlError, UsageError
from sftctl.model.config import ModelConfig

ADAPTER_SETTINGS = "adapter_config.json"


def resolve_path(path: str) -> str:
    """What transformers can open: `builtin:tiny` becomes its folder; a local folder that is absent is a UsageError."""
    if path.startswith(paths.PREFIX):
        return paths.resolve(path)
    local = Path(os.path.expanduser(path))  # Path.expanduser raises RuntimeError for the home of nobody
    if local.is_dir():
        return str(local)
    if path.startswith((".", "/", "~")):
        raise UsageError(f"model.path: there is no folder {path}. Give a folder with config.json, or a hub id.")
    return path


def is_adapter(path: str | Path) -> bool:
    """Whether the folder holds an adapter and not a whole model."""
    return (Path(path) / ADAPTER_SETTINGS).is_file()


def base_of(path: str | Path) -> str | None:
    """The path of the model that the adapter was trained on, as it was recorded."""
    try:
        settings = json.loads((Path(path) / ADAPTER_SETTINGS).read_text(encoding="utf-8"))
    except ValueError as error:
        raise UsageError(f"{path}/{ADAPTER_SETTINGS}: not valid JSON ({error}). Save the adapter again.") from error
    recorded = settings.get("base_model_name_or_path")
    return recorded if isinstance(recorded, str) else None


def hub_options(config: ModelConfig, source: str) -> dict[str, Any]:
    """What every `from_pretrained` is given; the revision is of the recipe's model alone."""
    options: dict[str, Any] = {"trust_remote_code": config.trust_remote_code}
    if not Path(source).is_dir() and source == config.path:
        options["revision"] = config.revision
    return options


def opened(source: str, load: Callable[[], Any]) -> Any:
    """What `load` gives; a failure becomes a SftctlError that says what to do."""
    try:
        return load()
    except SftctlError:
        raise
    except (OSError, ValueError, HfHubHTTPError) as error:
        raise _explained(source, error) from error


def _explained(source: str, error: Exception) -> SftctlError:
    """The first cause that a user can act on, in words."""
    for cause in _causes(error):
        if isinstance(cause, GatedRepoError):
            return EnvironmentProblem(
                f"{source}: the model is gated. Ask for access on its page, then set HF_TOKEN to a token that has it."
            )
        if isinstance(cause, RevisionNotFoundError):
            return UsageError(f"{source}: the hub has no such revision. Check model.revision.")
        if isinstance(cause, RepositoryNotFoundError):
            return UsageError(
                f"{source}: not on the hub, or private. Check model.path; for a private one set HF_TOKEN."
            )
        if isinstance(cause, OfflineModeIsEnabled | LocalEntryNotFoundError | ConnectionError):
            return EnvironmentProblem(
                f"{source}: not in the local cache, and the hub cannot be reached. Give a local folder, "
                "or fetch it once while online."
            )
    return UsageError(f"{source}: cannot be loaded as a causal language model: {_first_line(error)}")


def _causes(error: BaseException | None) -> list[BaseException]:
    chain: list[BaseException] = []
    while error is not None and error not in chain:
        chain.append(error)
        error = error.__cause__ or error.__context__
    return chain


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
