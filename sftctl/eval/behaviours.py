"""Behaviours: declarative checks of the answers. To add one: a class here, its name in the union, one test.

A behaviour scores an answer from 0 to 1, or None where it does not apply (no reference, no number).
Its rate is the mean.
`wanted` says which way is good, and so which of the limits make sense.
"""

import ast
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from sftctl.eval import text_metrics
from sftctl.eval.presets import PresetName, shows
from sftctl.eval.stated_numbers import states_all
from sftctl.pattern import Pattern
from sftctl.section import Section

SchemaTest = Callable[[Any, Mapping[str, Any]], bool]
"""Whether a value meets a JSON Schema; handed to the behaviours, because the library that knows is slow to load."""

_FENCE = Pattern(r"```[\w+-]*\n(.*?)(?:```|\Z)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, and what it is judged against."""

    text: str
    prompt: str
    reference: str | None
    tags: tuple[str, ...]
    meets_schema: SchemaTest


class _Behaviour(Section):
    """What every behaviour has: a name, the rows it looks at, and its limits."""

    wanted: ClassVar[bool] = True
    binary: ClassVar[bool] = True

    id: str = Field(pattern=r"^[A-Za-z0-9_.-]+$", description="name in the report")
    where: tuple[str, ...] = Field(
        (), description="only rows with one of these tags, source names or roles; empty: all"
    )
    max_rate: float | None = Field(None, ge=0, le=1, description="highest rate of the tuned model, 0 to 1")
    min_rate: float | None = Field(None, ge=0, le=1, description="lowest rate of the tuned model, 0 to 1")
    max_delta: float | None = Field(
        None,
        ge=0,
        le=1,
        description="how far the rate may be worse than the base's (up if unwanted, down if wanted), 0 to 1",
    )

    @model_validator(mode="after")
    def _limits_leave_room(self) -> "_Behaviour":
        if self.max_rate is not None and self.min_rate is not None and self.min_rate > self.max_rate:
            raise ValueError("min_rate is above max_rate: no rate meets both")
        return self


class _Pattern(_Behaviour):
    pattern: str = Field(min_length=1, description="regular expression, searched anywhere; ' also finds ’")
    ignore_case: bool = Field(True, description="whether A also finds a")

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error
        return pattern

    def score(self, answer: Answer) -> float:
        flags = re.MULTILINE | (re.IGNORECASE if self.ignore_case else 0)
        return float(re.search(_plain(self.pattern), _plain(answer.text), flags) is not None)


class Preset(_Behaviour):
    """Share of answers that show a named fault."""

    wanted: ClassVar[bool] = False
    check: Literal["preset"] = "preset"
    preset: PresetName = Field(description="the fault to look for")

    def score(self, answer: Answer) -> float:
        return float(shows(self.preset, answer.text, answer.prompt))


class MustMatch(_Pattern):
    """Share of answers in which the pattern is found; all must, unless limits say otherwise."""

    check: Literal["must_match"]
    min_rate: float | None = Field(1.0, ge=0, le=1, description="lowest rate of the tuned model, 0 to 1")


class MustNotMatch(_Pattern):
    """Share of answers in which the pattern is found; none may, unless limits say otherwise."""

    wanted: ClassVar[bool] = False
    check: Literal["must_not_match"]
    max_rate: float | None = Field(0.0, ge=0, le=1, description="highest rate of the tuned model, 0 to 1")


class Contains(_Behaviour):
    """Share of answers that hold any of the texts (or all of them)."""

    check: Literal["contains"]
    any_of: tuple[str, ...] = Field((), description="texts of which one is enough")
    all_of: tuple[str, ...] = Field((), description="texts that must all be there")

    @model_validator(mode="after")
    def _names_a_text(self) -> "Contains":
        if not self.any_of and not self.all_of:
            raise ValueError("give any_of or all_of")
        return self

    def score(self, answer: Answer) -> float:
        text = _plain(answer.text)
        found_any = not self.any_of or any(_plain(part) in text for part in self.any_of)
        return float(found_any and all(_plain(part) in text for part in self.all_of))


class StartsWith(_Behaviour):
    """Share of answers that begin with any of the texts, leading space aside."""

    check: Literal["starts_with"]
    any_of: tuple[str, ...] = Field(min_length=1, description="possible openings")

    def score(self, answer: Answer) -> float:
        return float(_plain(answer.text).lstrip().startswith(tuple(map(_plain, self.any_of))))


class Length(_Behaviour):
    """Share of answers whose number of words lies within the bounds."""

    check: Literal["length"]
    min_words: int = Field(1, ge=0, description="fewest words")
    max_words: int | None = Field(None, ge=0, description="most words; null: no bound")

    def score(self, answer: Answer) -> float:
        words = len(answer.text.split())
        return float(self.min_words <= words and (self.max_words is None or words <= self.max_words))


class IsJson(_Behaviour):
    """Share of answers that are one JSON value (a code fence around it is allowed), of the schema if one is given."""

    check: Literal["is_json"]
    json_schema: dict[str, Any] | None = Field(None, description="JSON Schema that the value must meet")

    def score(self, answer: Answer) -> float:
        try:
            value = json.loads(_unfenced(answer.text))
        except (ValueError, RecursionError):
            return 0.0
        return float(self.json_schema is None or answer.meets_schema(value, self.json_schema))


class IsCode(_Behaviour):
    """Share of answers whose code fences (or, without one, the whole text) parse."""

    check: Literal["is_code"]
    language: Literal["python", "json"] = Field("python", description="language that must parse")

    def score(self, answer: Answer) -> float:
        blocks = _FENCE.findall(answer.text) or [answer.text]
        return float(all(_parses(block, self.language) for block in blocks))


class NumbersMatch(_Behaviour):
    """Share of answers that state every number of the reference, by value; rows without one do not count."""

    check: Literal["numbers_match"]

    def score(self, answer: Answer) -> float | None:
        stated = states_all(answer.text, answer.reference or "")
        return None if stated is None else float(stated)


class ExactMatch(_Behaviour):
    """Share of answers that equal the reference, case, punctuation, articles and extra space aside."""

    check: Literal["exact_match"]

    def score(self, answer: Answer) -> float | None:
        return None if answer.reference is None else text_metrics.exact_match(answer.text, answer.reference)


class Similarity(_Behaviour):
    """Mean closeness to the reference, 0 to 1."""

    binary: ClassVar[bool] = False
    check: Literal["f1", "chrf", "rouge_l"] = Field(description="which measure of closeness")

    def score(self, answer: Answer) -> float | None:
        measure = {"f1": text_metrics.f1, "chrf": text_metrics.chrf, "rouge_l": text_metrics.rouge_l}[self.check]
        return None if answer.reference is None else measure(answer.text, answer.reference)


def _plain(text: str) -> str:
    return text.replace("\u2019", "'").replace("\u2018", "'")


def _unfenced(text: str) -> str:
    fenced = _FENCE.fullmatch(text.strip())
    return fenced[1] if fenced else text


def _parses(code: str, language: str) -> bool:
    try:
        if language == "json":
            json.loads(code)
        else:
            ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return bool(code.strip())


_CHECKS = (
    "preset",
    "must_match",
    "must_not_match",
    "contains",
    "starts_with",
    "length",
    "is_json",
    "is_code",
    "numbers_match",
    "exact_match",
    "f1",
    "chrf",
    "rouge_l",
)


def _check_of(value: Any) -> str | None:
    """`check`, which may be left out where `preset` is given."""
    read: Callable[[str], Any] = value.get if isinstance(value, dict) else lambda name: getattr(value, name, None)
    chosen = read("check") or ("preset" if read("preset") else None)
    if chosen in ("f1", "chrf", "rouge_l"):
        return "similarity"
    return chosen if chosen in _CHECKS else None


Behaviour = Annotated[
    Annotated[Preset, Tag("preset")]
    | Annotated[MustMatch, Tag("must_match")]
    | Annotated[MustNotMatch, Tag("must_not_match")]
    | Annotated[Contains, Tag("contains")]
    | Annotated[StartsWith, Tag("starts_with")]
    | Annotated[Length, Tag("length")]
    | Annotated[IsJson, Tag("is_json")]
    | Annotated[IsCode, Tag("is_code")]
    | Annotated[NumbersMatch, Tag("numbers_match")]
    | Annotated[ExactMatch, Tag("exact_match")]
    | Annotated[Similarity, Tag("similarity")],
    Discriminator(
        _check_of,
        custom_error_type="unknown_check",
        custom_error_message=f"needs `preset`, or `check`: {', '.join(_CHECKS[1:])}",
    ),
]
