"""Resumable checkpoints: complete under their final name, with hashes that show any later damage."""

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError

from sftctl import console
from sftctl.errors import StorageFailed
from sftctl.manifest import hash_path
from sftctl.run_dir import publish_folder, storage_errors, write_json
from sftctl.train.monitor import Progress

STAGING = ".staging"
MANIFEST = "sftctl.json"
_PREFIX = "checkpoint-"


class CheckpointManifest(BaseModel):
    """The files of a checkpoint, what it was made from, what its last bits depend on, and how far the run had come."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    step: int
    files: dict[str, str]
    made_from: dict[str, str]
    rounded_by: dict[str, str] = {}
    progress: Progress


@dataclass(frozen=True)
class Checkpoint:
    """One that was read back and is whole."""

    path: Path
    manifest: CheckpointManifest


def publish(
    folder: Path, step: int, made_from: dict[str, str], progress: Progress, *, rounded_by: dict[str, str] | None = None
) -> Path:
    """Hash what the trainer wrote into the staging folder and give it its final name, in one rename."""
    staged = folder / STAGING / f"{_PREFIX}{step}"
    with storage_errors(folder):
        files = {str(path.relative_to(staged)): hash_path(path) for path in sorted(staged.rglob("*")) if path.is_file()}
        manifest = CheckpointManifest(
            step=step, files=files, made_from=made_from, rounded_by=rounded_by or {}, progress=progress
        )
        write_json(staged / MANIFEST, manifest.model_dump())
        publish_folder(staged, folder / staged.name)
    return folder / staged.name


@contextlib.contextmanager
def saving_errors(folder: Path) -> Iterator[None]:
    """Turn what a full or failing disk makes of a save into StorageFailed; older checkpoints are not touched."""
    try:
        with storage_errors(folder):
            yield
    except SafetensorError as error:
        raise StorageFailed(f"{folder}: the weights could not be written ({error}). Free disk space.") from error
    except RuntimeError as error:
        if "inline_container" not in str(error) and "PytorchStreamWriter" not in str(error):
            raise
        raise StorageFailed(f"{folder}: the optimizer's state could not be written. Free disk space.") from error


def newest_whole(folder: Path) -> Checkpoint | None:
    """The last checkpoint without damage; a warning names each damaged one that was passed over, and its file."""
    for path in reversed(_by_step(folder)):
        damage = _damage(path)
        if damage is None:
            return Checkpoint(path, _read_manifest(path))
        console.warn(f"{path}: {damage}. It is not used; the one before it is.")
    return None


def newest_manifest(folder: Path) -> Checkpoint | None:
    """The last checkpoint whose manifest can be read, whatever became of its other files."""
    for path in reversed(_by_step(folder)):
        with contextlib.suppress(OSError, ValueError):
            return Checkpoint(path, _read_manifest(path))
    return None


def at_step(folder: Path, step: int) -> Checkpoint | None:
    """The checkpoint of that step, if it is there and whole."""
    path = folder / f"{_PREFIX}{step}"
    return Checkpoint(path, _read_manifest(path)) if path.is_dir() and _damage(path) is None else None


def prune(folder: Path, keep: int, best_step: int | None) -> None:
    """Remove all but the newest `keep` and the best one."""
    for path in _by_step(folder)[:-keep]:
        if _step(path) != best_step:
            shutil.rmtree(path, ignore_errors=True)


def clear_staging(folder: Path) -> None:
    """Forget what an interrupted save left behind, and the trainer's empty folder after a whole one."""
    shutil.rmtree(folder / STAGING, ignore_errors=True)


def clear_all(folder: Path) -> None:
    """Remove every checkpoint."""
    shutil.rmtree(folder, ignore_errors=True)


def clear_after(folder: Path, step: int) -> None:
    """Remove checkpoints of later steps: damaged ones that a resumed run will write anew."""
    for path in _by_step(folder):
        if _step(path) > step:
            shutil.rmtree(path, ignore_errors=True)


def _by_step(folder: Path) -> list[Path]:
    names = [path for path in folder.glob(f"{_PREFIX}*") if path.name.removeprefix(_PREFIX).isdigit()]
    return sorted(names, key=_step)


def _step(path: Path) -> int:
    return int(path.name.removeprefix(_PREFIX))


def _read_manifest(path: Path) -> CheckpointManifest:
    return CheckpointManifest.model_validate_json((path / MANIFEST).read_bytes())


def _damage(path: Path) -> str | None:
    """What is wrong with a checkpoint, in words; None when every file is as it was written."""
    try:
        manifest = _read_manifest(path)
    except FileNotFoundError:
        return f"{MANIFEST} is missing"
    except (ValidationError, ValueError):
        return f"{MANIFEST} is damaged"
    for name, digest in manifest.files.items():
        file = path / name
        if not file.is_file():
            return f"{name} is missing"
        if file.stat().st_size == 0:
            return f"{name} is empty"
        if hash_path(file) != digest:
            return f"{name} is damaged (its hash differs)"
    return None
