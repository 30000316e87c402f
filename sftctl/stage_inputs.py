"""What decides a stage's result, by name: keys of the recipe, and hashes of the files that they lead to."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from sftctl.demo import paths as demo
from sftctl.manifest import Stage, hash_path
from sftctl.recipe import Recipe, leaves
from sftctl.run_dir import RunDir

STANDARD_INPUT = "standard input"
"""Stands for a hash where rows are piped in: the stage that reads them always runs."""

Section = TypeVar("Section", bound=BaseModel)


def inputs_of(recipe: Recipe, run_dir: RunDir, stage: Stage) -> dict[str, str]:
    """Everything that decides the stage's result: keys of the recipe by name, files by hash."""
    sections: dict[Stage, tuple[str, ...]] = {
        "curate": ("data", "curate"),
        "smoke-test": ("model", "data", "train", "smoke_test"),
        "train": ("model", "data", "train"),
        "eval": ("model", "data", "eval"),
    }
    files: dict[Stage, tuple[Path, ...]] = {
        "curate": (),
        "smoke-test": (run_dir.training_rows, run_dir.held_out_rows),
        "train": (run_dir.training_rows, run_dir.held_out_rows),
        "eval": (run_dir.held_out_rows, run_dir.model),
    }
    found = {"seed": str(recipe.seed), "model.path": recipe.model.path, "model.revision": recipe.model.revision}
    for section in sections[stage]:
        found |= leaves(section, getattr(recipe, section))
        for key, named in _named_files(section, getattr(recipe, section)):
            found[f"{key} (file)"] = STANDARD_INPUT if named == "-" else hash_path(Path(named))
    for path in files[stage]:
        if path.exists():
            found[str(path.relative_to(run_dir.root))] = hash_path(path)
    return found


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


def _named_files(prefix: str, section: BaseModel | None) -> Iterator[tuple[str, str]]:
    """Dotted keys of a section whose values are local files, models in folders, or standard input."""
    for key, text in leaves(prefix, section and with_builtin_paths(section)).items():
        value = json.loads(text)
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, str) and (item == "-" or Path(item).is_file() or _is_model_folder(Path(item))):
                yield key, item


def _is_model_folder(path: Path) -> bool:
    return (path / "config.json").is_file() or (path / "adapter_config.json").is_file()
