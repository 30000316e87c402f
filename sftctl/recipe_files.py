"""Files that a recipe names must be there, and hold what it says: what is not so is told at its line of the recipe."""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from sftctl.demo import paths as demo
from sftctl.errors import MisreadSource
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
    "eval.benchmarks.tasks.shots.path": ("eval",),
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
_HUB_MODEL = re.compile(r"[A-Za-z0-9][\w.-]*(?:/[\w.-]+)?")
_HUB_DATA = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
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


@contextmanager
def misread_sources_located(loaded: LoadedRecipe) -> Iterator[None]:
    """Turn what was found wrong while a source was read into a RecipeError at the place in the recipe that says it."""
    try:
        yield
    except MisreadSource as misread:
        raise recipe_error(misread_problems(loaded, misread)) from misread


def misread_problems(loaded: LoadedRecipe, misread: MisreadSource) -> list[Problem]:
    """What was found wrong, at the places in the recipe that say it."""
    assert loaded.recipe.curate is not None
    index = [source.name for source in loaded.recipe.curate.sources].index(misread.source)
    return [
        Problem(message, *loaded.locate(("curate", "sources", index, *keys), key=False))
        for keys, message in misread.problems.items()
    ]


def _problem(key: str, named: str, stages: Sequence[Stage], run_folder: Path) -> str | None:
    read_by = FILE_KEYS.get(key) or DATA_KEYS.get(key) or MODEL_KEYS.get(key) or ()
    if not set(read_by) & set(stages) or named in _WORDS.get(key, ()) or named == "-":
        return None
    if named.lower().startswith(demo.PREFIX):
        return _builtin_problem(key, named)
    path = Path(named)
    path = Path(os.path.expanduser(named)) if key in MODEL_KEYS else path
    try:
        if path.exists():
            return None if os.access(path, os.R_OK) else f"`{key}`: {named} may not be read by you; see its permissions"
        if path.absolute().is_relative_to(run_folder.absolute()) or _on_the_hub(key, named):
            return None
        kind = "folder" if key in MODEL_KEYS else "file"
        return f"`{key}`: there is no {kind} {named}" + (_unread(key, named) or _suggestion(path))
    except OSError as error:
        return f"`{key}`: {named} cannot be looked up ({error.strerror})"


def _builtin_problem(key: str, named: str) -> str | None:
    kind, known = ("model", [demo.MODEL]) if key in MODEL_KEYS else ("file", demo.data_names())
    if named in known:
        return None
    close = nearest(named[len(demo.PREFIX) :], [name.removeprefix(demo.PREFIX) for name in known])
    return f"`{key}`: there is no built-in {kind} {named}; " + (
        f"did you mean {demo.PREFIX}{close}?" if close else f"there is {', '.join(known)}"
    )


def _on_the_hub(key: str, named: str) -> bool:
    """Whether it may be an id on the hub. Beside a folder of the owner's name a like name is a slip of the pen."""
    if key in DATA_KEYS:
        return bool(_HUB_DATA.fullmatch(named)) and not _DATA_FILE.fullmatch(named)
    return key in MODEL_KEYS and bool(_HUB_MODEL.fullmatch(named)) and not ("/" in named and _like(Path(named)))


def _unread(key: str, named: str) -> str:
    """How to write what a shell, a browser or a hub client would understand, and a reader of files does not."""
    home, rest = os.path.expanduser(named.partition("/")[0]), named.partition("/")[2]
    if named.startswith("~") and home.startswith("~"):
        return f": no home folder of {home} is known; write the path out"
    if named.startswith("~") and key not in MODEL_KEYS:
        return f": `~` is not expanded here; write {Path(home, rest)}"
    if "://" in named:
        return ": addresses are not read; download it, or name a data set as owner/name"
    if re.search(r"[*?]", named):
        return ": patterns are not expanded; name the folder, or one source for each file"
    return ""


def _suggestion(path: Path) -> str:
    """What is wrong with the path, as far as the disk tells: a link, the folder is missing too, or a like name."""
    if path.is_symlink():
        return f": it is a link to {os.readlink(path)}, which is not there"
    if not path.parent.is_dir():
        return f", and no folder {path.parent}" + ("" if path.is_absolute() else f" in {Path.cwd()}")
    like = _like(path)
    return f"; did you mean {path.parent / like}?" if like else ""


def _like(path: Path) -> str | None:
    """The name beside `path` that is nearest to its own."""
    if not path.parent.is_dir():
        return None
    names = {entry.name.partition(".")[0]: entry.name for entry in sorted(path.parent.iterdir())}
    like = nearest(path.name.partition(".")[0], list(names))
    return names[like] if like else None


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
