"""Problems in a recipe as a reader wants them: all at once, file:line:column, a caret, the nearest valid key."""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sftctl.errors import RecipeError
from sftctl.pattern import Pattern

_SECRET = Pattern(
    r"sk-[A-Za-z0-9_-]{16,}|hf_[A-Za-z0-9]{16,}|AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{30,}|xox[abprs]-[A-Za-z0-9-]{10,}"
)


@dataclass(frozen=True, order=True)
class Position:
    """Where something stands in a text; both counted from 1."""

    line: int
    column: int


@dataclass(frozen=True)
class SourceText:
    """A text that problems point into: a recipe, or one `key=value` of the command line."""

    name: str
    lines: tuple[str, ...]

    @classmethod
    def of(cls, name: str, text: str) -> "SourceText":
        return cls(name=name, lines=tuple(text.splitlines()))


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, and where."""

    message: str
    source: SourceText
    position: Position | None = None

    def describe(self) -> str:
        """`name:line:column: message`, then the line and a caret below the place; secrets are masked."""
        message = mask_secrets(self.message)
        if self.position is None:
            return f"{self.source.name}: {message}"
        place = f"{self.source.name}:{self.position.line}:{self.position.column}"
        if self.position.line > len(self.source.lines):
            return f"{place}: {message}"
        line = mask_secrets(self.source.lines[self.position.line - 1].replace("\t", " "))
        start = max(0, self.position.column - 80)
        shown = line[start : start + 160]
        caret = " " * (self.position.column - 1 - start) + "^"
        return f"{place}: {message}\n    {shown}\n    {caret}"


def recipe_error(problems: Iterable[Problem]) -> RecipeError:
    """One error that holds every problem, in the order of the file."""
    ordered = sorted(problems, key=lambda problem: (problem.source.name, problem.position or Position(0, 0)))
    count = "1 problem" if len(ordered) == 1 else f"{len(ordered)} problems"
    told = tuple(problem.describe() for problem in ordered)
    return RecipeError("\n".join([f"the recipe has {count}", *told]), told)


def nearest(word: str, valid: Sequence[str], *, min_similarity: float = 0.6) -> str | None:
    """The valid word that was most likely meant, or None when nothing is close."""
    lowered = [candidate.lower() for candidate in valid]
    matches = difflib.get_close_matches(word.lower(), lowered, n=1, cutoff=min_similarity)
    if matches:
        return next(candidate for candidate in valid if candidate.lower() == matches[0])
    # `lr` is meant for `learning_rate`.
    return next((candidate for candidate in valid if initials(candidate) == word.lower()), None)


def initials(key: str) -> str:
    """The first letters of a key's words."""
    return "".join(part[0] for part in key.split("_") if part)


def looks_like_secret(text: str) -> bool:
    """Whether a value has the shape of a well-known kind of key or token."""
    return _SECRET.search(text) is not None


def mask_secrets(text: str) -> str:
    """The text with anything that looks like a key or token replaced by asterisks of the same length."""
    return _SECRET.sub(lambda match: "*" * len(match.group()), text)
