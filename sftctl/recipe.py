"""The recipe: the stages' own sections put together; loading it, overriding it, and saying what is wrong with it."""

import json
import re
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sftctl.curate.config import CurateConfig
from sftctl.demo import paths as demo
from sftctl.errors import RecipeError, UsageError
from sftctl.eval.config import EvalConfig
from sftctl.model.config import ModelConfig
from sftctl.recipe_document import Document, parse_document
from sftctl.recipe_errors import Position, Problem, SourceText, nearest, recipe_error
from sftctl.recipe_keys import Locate, accepts_null, explain
from sftctl.section import Section, section_of_defaults
from sftctl.smoke_test.config import SmokeTestConfig
from sftctl.tokenization.config import DataConfig
from sftctl.train.config import TrainConfig

BUILTIN_DEMO = "builtin:demo"


class Recipe(Section):
    """Everything that decides what a run does."""

    model_config = ConfigDict(title="sftctl recipe")

    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100, description="name of the run, and of its folder"
    )
    seed: int = Field(17, ge=0, lt=2**32, description="seed of everything random: hold-out, mix, order, dropout")
    run_dir: Path | None = Field(None, description="folder of the run; runs/NAME when not given")
    model: ModelConfig = Field(description="the model to fine-tune, and how its weights are changed")
    data: DataConfig = section_of_defaults("how conversations become tokens and loss masks")
    curate: CurateConfig | None = Field(
        None,
        description="raw rows to training set and held-out set; not needed where train.rows and eval.tuned are given",
    )
    smoke_test: SmokeTestConfig = section_of_defaults("a hundred real steps before the full run")
    train: TrainConfig = section_of_defaults("the fine-tuning run")
    eval: EvalConfig = section_of_defaults("base against tuned, and what must hold")

    @property
    def run_folder(self) -> Path:
        return self.run_dir or Path("runs") / self.name


@dataclass(frozen=True)
class LoadedRecipe:
    """A valid recipe, the text that it was read from, and how to name it in a command to repeat."""

    recipe: Recipe
    text: str
    argument: str
    overrides: tuple[str, ...]
    locate: Locate
    """Where the value at a path of keys stands, for errors that are found after reading."""

    def command(self, stage: str) -> str:
        """The command line that runs `stage` with this recipe."""
        # What begins with a dash would be read as an option.
        named = f"./{self.argument}" if re.match("-.", self.argument) else self.argument
        return shlex.join(["sftctl", stage, named, *self.overrides])


def load_recipe(argument: str, overrides: Sequence[str] = ()) -> LoadedRecipe:
    """Read a file, `-` or `builtin:demo`, apply overrides, validate. Raises RecipeError with every problem at once."""
    name, text = _read(argument)
    document = parse_document(name, text)
    if document.value is None:
        raise recipe_error([Problem("the recipe is empty; `sftctl init` writes one to start from", document.source)])
    if not isinstance(document.value, dict):
        message = "a recipe is a mapping of sections: `name: ...`, `model: ...`"
        raise recipe_error([Problem(message, document.source, Position(1, 1))])
    overlay = _Overlay(document)
    for override in overrides:
        overlay.apply(override)
    problems = [*document.problems, *overlay.problems]
    try:
        recipe = Recipe.model_validate(document.value)
    except ValidationError as error:
        problems += explain(error, Recipe, document.value, overlay.locate)
    else:
        if not problems:
            return LoadedRecipe(recipe, text, argument, tuple(overrides), overlay.locate)
    raise recipe_error(problems)


def recipe_schema() -> str:
    """JSON Schema (draft 2020-12) of the recipe, for editors."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Recipe.model_json_schema()}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def resolved_yaml(recipe: Recipe) -> str:
    """Every key with the value in force; valid input for `sftctl` again."""
    values = recipe.model_dump(mode="json", exclude_none=False)
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=120)


def leaves(section: str, value: BaseModel | None) -> dict[str, str]:
    """A section as flat dotted keys and JSON values: what the manifest compares, and names when it changed."""
    flat: dict[str, str] = {}

    def walk(prefix: str, part: Any) -> None:
        if isinstance(part, dict) and part:
            for key, child in part.items():
                walk(f"{prefix}.{key}", child)
        elif isinstance(part, list) and part and isinstance(part[0], dict):
            for index, child in enumerate(part):
                walk(f"{prefix}.{index}", child)
        else:
            flat[prefix] = json.dumps(part, sort_keys=True)

    walk(section, None if value is None else value.model_dump(mode="json"))
    return flat


def _read(argument: str) -> tuple[str, str]:
    if argument == "-":
        return "standard input", sys.stdin.read()
    path = demo.recipe_path() if argument == BUILTIN_DEMO else Path(argument)
    try:
        return argument, path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        if argument.startswith(demo.PREFIX):
            raise UsageError(f"{argument}: no such recipe. The one that is built in is {BUILTIN_DEMO}.") from error
        like = nearest(path.name, [each.name for each in path.parent.glob("*.y*ml")])
        meant = f" Did you mean {path.with_name(like)}?" if like else ""
        raise UsageError(
            f"{argument}: no such recipe in {_here()}.{meant} `sftctl init` writes one; `{BUILTIN_DEMO}` is built in."
        ) from error
    except (IsADirectoryError, PermissionError) as error:
        raise UsageError(f"{argument}: {error.strerror}. A recipe is a YAML file.") from error
    except UnicodeDecodeError as error:
        raise RecipeError(f"{argument}: not UTF-8 at byte {error.start}. Save the recipe as UTF-8.") from error


def _here() -> str:
    try:
        return str(Path.cwd())
    except FileNotFoundError:
        return "the current folder, which was removed"


class _Overlay:
    """Overrides on top of a document; remembers which text each value came from."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.problems: list[Problem] = []
        self.sources: dict[tuple[str | int, ...], tuple[SourceText, Position]] = {}

    def apply(self, override: str) -> None:
        source = SourceText.of("command line", override)
        key, equals, text = override.partition("=")
        path = tuple(int(part) if part.isdecimal() else part for part in key.split("."))
        if not equals or not all(key.split(".")):
            message = "not an override: write key=value, such as train.learning_rate=1e-5"
            self.problems.append(Problem(message, source, Position(1, 1)))
            return
        # A lone dash is standard input to the user, and an empty list item to YAML.
        parsed = parse_document("command line", '"-"' if text == "-" else text)
        shift = len(key) + 1
        self._forget_places(path)
        for problem in parsed.problems:
            self.problems.append(Problem(problem.message, source, Position(1, shift + 1)))
        parent = self._parent(path, source)
        if parent is None:
            return
        last = path[-1]
        if isinstance(parent, dict) and parsed.value is None and not accepts_null(Recipe, path):
            parent.pop(str(last), None)
        elif isinstance(parent, dict):
            parent[str(last)] = parsed.value
        elif isinstance(last, int) and last < len(parent):
            parent[last] = parsed.value
        self.sources[path] = (source, Position(1, shift + 1))

    def _forget_places(self, path: tuple[str | int, ...]) -> None:
        """What stood at or below an overridden key stands there no more."""
        for places in (self.document.keys, self.document.values, self.sources):
            for old in [old for old in places if old[: len(path)] == path]:
                del places[old]

    def _parent(self, path: tuple[str | int, ...], source: SourceText) -> Any:
        """The mapping or list that holds the last part of `path`; mappings that are missing are made."""
        here = self.document.value
        for depth, part in enumerate(path):
            if isinstance(here, list) and not (isinstance(part, int) and part < len(here)):
                have = f"items 0 to {len(here) - 1}" if here else "no items"
                name = ".".join(str(step) for step in path[:depth])
                self.problems.append(Problem(f"`{name}` has {have}; `{part}` is none of them", source, Position(1, 1)))
                return None
            if not isinstance(here, dict | list):
                name = ".".join(str(step) for step in path[:depth])
                self.problems.append(Problem(f"`{name}` is a single value, not a section", source, Position(1, 1)))
                return None
            if depth == len(path) - 1:
                return here
            if isinstance(here, dict):
                if here.get(str(part)) is None:
                    here[str(part)] = {}
                    self.sources[path[: depth + 1]] = (source, Position(1, 1))
                here = here[str(part)]
            else:
                here = here[int(part)]
        return None

    def locate(self, path: tuple[str | int, ...], *, key: bool) -> tuple[SourceText, Position | None]:
        """Where a value (or its key) stands; the nearest enclosing place when it stands nowhere itself."""
        for end in range(len(path), -1, -1):
            part = path[:end]
            if part in self.sources:
                source, position = self.sources[part]
                return source, Position(1, 1) if key else position
            places = self.document.keys if key and end == len(path) and end else self.document.values
            if part in places:
                return self.document.source, places[part]
        return self.document.source, None
