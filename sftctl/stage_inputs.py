"""What decides a stage's result, by name: keys of the recipe, and hashes of the files that they lead to."""

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel

from sftctl.demo import paths as demo
from sftctl.manifest import Stage, StageRecord, hash_path, read_manifest
from sftctl.recipe import Recipe, leaves
from sftctl.run_dir import RunDir

STANDARD_INPUT = "standard input"
"""Stands for a hash where rows are piped in, here or through a named pipe: the stage that reads them always runs."""

_FILE = " (file)"
"""Ends the name of what a key of the recipe leads to."""

Section = TypeVar("Section", bound=BaseModel)


_SECTIONS: dict[Stage, tuple[str, ...]] = {
    "curate": ("data", "curate"),
    "smoke-test": ("model", "data", "train", "smoke_test"),
    "train": ("model", "data", "train"),
    "eval": ("model", "data", "eval"),
}


def inputs_of(recipe: Recipe, run_dir: RunDir, stage: Stage) -> dict[str, str]:
    """Everything that decides the stage's result: keys of the recipe by name, files by hash."""
    files: dict[Stage, tuple[Path, ...]] = {
        "curate": (),
        "smoke-test": (run_dir.training_rows, run_dir.held_out_rows),
        "train": (run_dir.training_rows, run_dir.held_out_rows),
        "eval": (run_dir.held_out_rows, run_dir.model),
    }
    found = _keys_of(recipe, stage)
    for section in _SECTIONS[stage]:
        for key, named in _texts(section, getattr(recipe, section)):
            content = _content_of(key, named)
            if content is not None:
                found[f"{key}{_FILE}"] = content
    for path in files[stage]:
        if path.exists():
            found[str(path.relative_to(run_dir.root))] = hash_path(path)
    return found


def out_of_date(recipe: Recipe, run_dir: RunDir) -> dict[Stage, str]:
    """Stages whose result belongs to another recipe, or to other files, than the newest results; with what changed.

    Told by the records alone: a file is what it was to the stage that ended last, and nothing large is hashed.
    """
    stages = read_manifest(run_dir).stages
    newest: dict[str, str] = {}
    for record in sorted(stages.values(), key=lambda record: record.finished):
        newest |= record.inputs | record.outputs
    older: dict[Stage, str] = {}
    for stage in (stage for stage in get_args(Stage) if stage in stages and _is_of(stages[stage], run_dir)):
        record = stages[stage]
        keys = _keys_of(recipe, stage)
        files = {name: newest[name] for name in record.inputs if name not in keys and _is_file(name)}
        now = keys | files
        changed = sorted(name for name in record.inputs.keys() | now if record.inputs.get(name) != now.get(name))
        before = [earlier for earlier in needed_by(recipe, stage) if earlier in older]
        if changed:
            more = f" and {len(changed) - _NAMED} more" if len(changed) > _NAMED else ""
            older[stage] = f"{', '.join(changed[:_NAMED])}{more} changed"
        elif before:
            older[stage] = f"made from {before[0]}'s result"
    return older


def needed_by(recipe: Recipe, stage: Stage) -> tuple[Stage, ...]:
    """The earlier stages whose results this one reads."""
    if stage in ("smoke-test", "train") and recipe.train.rows is None:
        return ("curate",)
    return ("curate", "train") if stage == "eval" and recipe.eval.needs_training else ()


_NAMED = 3


def _keys_of(recipe: Recipe, stage: Stage) -> dict[str, str]:
    found = {"seed": str(recipe.seed), "model.path": recipe.model.path, "model.revision": recipe.model.revision}
    for section in _SECTIONS[stage]:
        found |= leaves(section, getattr(recipe, section))
    return found


def _is_file(name: str) -> bool:
    """Whether an input's name is that of a file: one that a key leads to, or one of the run directory."""
    return name.endswith(_FILE) or "/" in name or "." not in name


def _is_of(record: StageRecord, run_dir: RunDir) -> bool:
    """Whether the stage's own result, the last of its outputs, is still the recorded one: a later attempt may write."""
    name, digest = next(reversed(record.outputs.items()), ("", ""))
    path = run_dir.root / name
    return path.is_file() and hash_path(path) == digest


def with_builtin_paths(section: Section) -> Section:
    """The section with `builtin:demo/FILE` replaced by the file that ships in the package."""
    return type(section).model_validate(_replaced(section.model_dump()))


def _replaced(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _replaced(child) for key, child in value.items()}
    if isinstance(value, list | tuple):
        return [_replaced(child) for child in value]
    shipped = isinstance(value, str | Path) and str(value).startswith(demo.DATA_PREFIX)
    return demo.resolve(value) if shipped else value


def _texts(prefix: str, section: BaseModel | None) -> Iterator[tuple[str, str]]:
    """Every text of a section with its dotted key; those of a list are numbered."""
    for key, text in leaves(prefix, section and with_builtin_paths(section)).items():
        value = json.loads(text)
        if isinstance(value, str):
            yield key, value
        elif isinstance(value, list):
            yield from ((f"{key}.{index}", item) for index, item in enumerate(value) if isinstance(item, str))


def _content_of(key: str, named: str) -> str | None:
    """A hash of the file, of the folder with a model or with rows, or that it is piped in; None for any other text."""
    if named == "-":
        return STANDARD_INPUT
    try:
        mode = os.stat(named).st_mode
    except (OSError, ValueError):  # such as a text that is too long for a path
        return None
    if stat.S_ISFIFO(mode) or stat.S_ISCHR(mode):
        return STANDARD_INPUT
    read = stat.S_ISREG(mode) or key.endswith(".path") or _is_model_folder(Path(named))
    return hash_path(Path(named)) if read else None


def _is_model_folder(path: Path) -> bool:
    return (path / "config.json").is_file() or (path / "adapter_config.json").is_file()
