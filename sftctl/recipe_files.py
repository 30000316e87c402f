"""Files that a recipe names must be there: every one that is not, at once, at its line, before anything slow begins."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from sftctl.demo import paths as demo
from sftctl.manifest import Stage
from sftctl.recipe import LoadedRecipe, Recipe
from sftctl.recipe_errors import Problem, nearest, recipe_error

KeyPath = tuple[str | int, ...]

_ALL: tuple[Stage, ...] = ("curate", "smoke-test", "train", "eval")

FILE_KEYS: dict[str, tuple[Stage, ...]] = {
    "data.chat_template": _ALL,
    "curate.hold_out.frozen": ("curate",),
    "curate.decontaminate.benchmarks": ("curate",),
    "train.rows": ("smoke-test", "train"),
    "train.held_out": ("smoke-test", "train"),
    "eval.held_out": ("eval",),
    "eval.engine.base": ("eval",),
    "eval.engine.tuned": ("eval",),
    "eval.benchmarks.tasks.include_path": ("eval",),
    "eval.judge.against": ("eval",),
    "eval.judge.prompts": ("eval",),
    "eval.arena.contenders.answers": ("eval",),
}
DATA_KEYS: dict[str, tuple[Stage, ...]] = {
    "curate.sources.path": ("curate",),
    "eval.benchmarks.tasks.path": ("eval",),
}
"""A file, or a data set on the hub."""

MODEL_KEYS: dict[str, tuple[Stage, ...]] = {
    "model.path": _ALL,
    "eval.base": ("eval",),
    "eval.tuned": ("eval",),
}
"""A folder, or a model on the hub."""

_WORDS = {
    "data.chat_template": {"chatml", "alpaca", "zephyr"},
    "eval.judge.against": {"base", "reference"},
    "eval.judge.prompts": {"held_out", "training"},
}
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(?:/[\w.-]+)?")
_DATA_FILE = re.compile(r".*\.(?:jsonl|ndjson|json|csv|parquet|txt)(?:\.gz)?", re.IGNORECASE)


def require_files(loaded: LoadedRecipe, stages: Sequence[Stage], run_folder: Path) -> None:
    """Raise RecipeError that names every file or folder that these stages read and that is not there.

    What lies in the run's own folder may still be made by an earlier stage, and is not looked for.
    """
    weights_read = loaded.recipe.eval.engine.kind in ("hf", "vllm")
    reading = [stage for stage in stages if stage != "eval" or weights_read]
    problems = []
    for path, value in _values(loaded.recipe):
        key = ".".join(str(part) for part in path if isinstance(part, str))
        message = _problem(key, value, reading if key in MODEL_KEYS else stages, run_folder)
        if message:
            problems.append(Problem(message, *loaded.locate(path, key=False)))
    if problems:
        raise recipe_error(problems)


def _problem(key: str, named: str, stages: Sequence[Stage], run_folder: Path) -> str | None:
    read_by = FILE_KEYS.get(key) or DATA_KEYS.get(key) or MODEL_KEYS.get(key) or ()
    if not set(read_by) & set(stages) or named in _WORDS.get(key, ()) or named == "-":
        return None
    path = Path(demo.resolve(named)).expanduser()
    if path.exists() or path.absolute().is_relative_to(run_folder.absolute()):
        return None
    if key in DATA_KEYS and _HUB_ID.fullmatch(named) and not _DATA_FILE.fullmatch(named):
        return None
    if key in MODEL_KEYS and _HUB_ID.fullmatch(named) and not ("/" in named and path.parent.is_dir()):
        return None
    kind = "folder" if key in MODEL_KEYS else "file"
    return f"`{key}`: there is no {kind} {named}" + _suggestion(path)


def _suggestion(path: Path) -> str:
    """What is wrong with the path, as far as the disk tells: the folder is missing too, or a like name is there."""
    if not path.parent.is_dir():
        return f", and no folder {path.parent}" + ("" if path.is_absolute() else f" in {Path.cwd()}")
    names = {entry.name.partition(".")[0]: entry.name for entry in sorted(path.parent.iterdir())}
    like = nearest(path.name.partition(".")[0], list(names))
    return f"; did you mean {path.parent / names[like]}?" if like else ""


def _values(recipe: Recipe) -> Iterator[tuple[KeyPath, str]]:
    """Every text in the recipe with the path of its key."""

    def walk(path: KeyPath, value: Any) -> Iterator[tuple[KeyPath, str]]:
        if isinstance(value, BaseModel):
            for name in type(value).model_fields:
                yield from walk((*path, name), getattr(value, name))
        elif isinstance(value, list | tuple):
            for index, item in enumerate(value):
                yield from walk((*path, index), item)
        elif isinstance(value, str | Path):
            yield path, str(value)

    return walk((), recipe)
