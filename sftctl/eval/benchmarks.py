"""Multiple-choice benchmarks: each class turns a row of its file into an item. To add one: a class, its name below."""

import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from sftctl.section import Section, section_of_defaults

Metric = Literal["acc", "acc_norm", "mc2"]
"""acc: the likeliest choice is right. acc_norm: likeliest per character. mc2: probability mass on the right choices."""


@dataclass(frozen=True, slots=True)
class Item:
    """A prompt, its possible continuations (with their leading space), and which of them are right (1 or 0).

    `head` stands once before everything, solved examples included.
    """

    prompt: str
    choices: tuple[str, ...]
    labels: tuple[int, ...]
    group: str = ""
    head: str = ""

    def __post_init__(self) -> None:
        if len(self.choices) < 2 or len(self.choices) != len(self.labels):
            raise ValueError(f"needs two choices or more and one label each, found {len(self.choices)}")
        if not 0 < sum(self.labels) < len(self.labels):
            raise ValueError("needs at least one right and one wrong choice")
        if not all(choice.strip() for choice in self.choices):
            raise ValueError("has an empty choice")

    def after(self, shots: Sequence["Item"]) -> "Item":
        """The item as a model is asked it: the head, each shot with its first right choice, and the prompt."""
        solved = "".join(f"{shot.prompt}{shot.choices[shot.labels.index(1)]}\n\n" for shot in shots)
        return replace(self, prompt=f"{self.head}{solved}{self.prompt}", head="")


class Shots(Section):
    """Solved examples: the first ones of each question's own group, as MMLU takes them from its dev split.

    A prompt that grows beyond the model's context loses its beginning, for both models alike.
    """

    count: int = Field(5, ge=1, le=100, description="examples before each question")
    path: str | None = Field(None, description="file or hub id of the examples; null for the benchmark's own")
    split: str = Field("dev", description="split of a hub data set")


class _Task(Section):
    """What every benchmark has."""

    id: str = Field(pattern=r"^[A-Za-z0-9_.-]+$", description="name in the report; also the format where none is given")
    path: str = Field(description="file (.jsonl .json .csv .parquet, each also .gz) or hub id")
    subset: str | None = Field(None, description="configuration of a hub data set")
    split: str = Field("test", description="split of a hub data set")
    items: int = Field(1000, ge=1, le=1_000_000, description="items in the sample, spread evenly over the groups")
    shots: Shots | None = Field(None, description="solved examples before each question; null for none")


class Mmlu(_Task):
    """Question with lettered choices (Hendrycks et al. 2021); rows: question, choices, answer, subject."""

    format: Literal["mmlu"] = "mmlu"

    @property
    def metric(self) -> Metric:
        return "acc"

    def item(self, row: Mapping[str, Any]) -> Item:
        group = str(row.get("subject", ""))
        about = f" about {group.replace('_', ' ')}" if group else ""
        head = f"The following are multiple choice questions (with answers){about}.\n\n"
        return lettered(str(row["question"]), row["choices"], row["answer"], group, head)


class HellaSwag(_Task):
    """The likeliest ending (Zellers et al. 2019); rows: query, endings, label."""

    format: Literal["hellaswag"] = "hellaswag"
    metric: Literal["acc", "acc_norm"] = Field("acc_norm", description="acc_norm: log-likelihood per character")

    def item(self, row: Mapping[str, Any]) -> Item:
        return spelled_out(str(row["query"]), row["endings"], row["label"], str(row.get("activity_label", "")))


class TruthfulQa(_Task):
    """True against common false answers (Lin et al. 2022); rows: question, mc1_targets, mc2_targets."""

    format: Literal["truthfulqa"] = "truthfulqa"
    metric: Literal["mc1", "mc2"] = Field("mc1", description="mc1: the one best answer; mc2: mass on all true answers")

    def item(self, row: Mapping[str, Any]) -> Item:
        targets = row[f"{self.metric}_targets"]
        choices = tuple(f" {choice}" for choice in targets["choices"])
        return Item(f"Q: {row['question']}\nA:", choices, tuple(int(label) for label in targets["labels"]))


class FieldMap(Section):
    """Which columns hold what."""

    question: str = Field("question", description="column with the prompt")
    choices: str = Field("choices", description="column with the list of choices")
    answer: str = Field("answer", description="column with the right choice: its index from 0, letter or text")
    group: str | None = Field(None, description="column to spread the sample over")


class MultipleChoice(_Task):
    """Any file of questions with choices, by a field map."""

    format: Literal["multiple_choice"] = "multiple_choice"
    fields: FieldMap = section_of_defaults("which columns hold question, choices and answer")
    style: Literal["letters", "text"] = Field("text", description="continue with the letter, or with the choice itself")
    metric: Literal["acc", "acc_norm"] = Field("acc", description="acc_norm: log-likelihood per character")

    def item(self, row: Mapping[str, Any]) -> Item:
        question, choices, answer = (
            row[name] for name in (self.fields.question, self.fields.choices, self.fields.answer)
        )
        group = str(row[self.fields.group]) if self.fields.group else ""
        if self.style == "letters":
            return lettered(str(question), choices, answer, group)
        return spelled_out(str(question), choices, answer, group)


class LmEval(Section):
    """A task of lm-eval (extra: benchmarks), run by its own code on the same model."""

    id: str = Field(pattern=r"^[A-Za-z0-9_.-]+$", description="name in the report")
    format: Literal["lm_eval"]
    task: str = Field(description="lm-eval's name of the task")
    include_path: str | None = Field(None, description="folder with task files of your own")
    metric: str = Field("acc", description="lm-eval's name of a per-item metric in 0..1")
    items: int = Field(1000, ge=1, le=1_000_000, description="documents, the first ones (lm-eval's `limit`)")


def lettered(question: str, choices: list[str], answer: Any, group: str, head: str = "") -> Item:
    """Choices are listed after A., B., ...; the continuation is the letter."""
    letters = string.ascii_uppercase[: len(choices)]
    listed = "\n".join(f"{letter}. {choice}" for letter, choice in zip(letters, choices, strict=True))
    labels = _one_hot(choices, answer)
    prompt = f"{question.strip()}\n{listed}\nAnswer:"
    return Item(prompt, tuple(f" {letter}" for letter in letters), labels, group, head)


def spelled_out(question: str, choices: list[str], answer: Any, group: str) -> Item:
    """The continuation is the choice itself."""
    return Item(
        question.rstrip(), tuple(f" {str(choice).lstrip()}" for choice in choices), _one_hot(choices, answer), group
    )


def _one_hot(choices: list[str], answer: Any) -> tuple[int, ...]:
    index = _answer_index(choices, answer)
    return tuple(int(position == index) for position in range(len(choices)))


def _answer_index(choices: list[str], answer: Any) -> int:
    """An index from 0 (number or digits), a letter, or the text of the choice. Raises ValueError for anything else."""
    if isinstance(answer, str) and answer in choices:
        return choices.index(answer)
    if isinstance(answer, str) and len(answer) == 1 and answer.upper() in string.ascii_uppercase:
        answer = string.ascii_uppercase.index(answer.upper())
    try:
        index = int(answer)
    except (TypeError, ValueError):
        raise ValueError(f"answer {answer!r} is no index, letter or text of a choice") from None
    if not 0 <= index < len(choices):
        raise ValueError(f"answer {answer!r} is outside the {len(choices)} choices")
    return index


Scored = Mmlu | HellaSwag | TruthfulQa | MultipleChoice
"""What the built-in log-likelihood scorer runs."""

_FORMATS: tuple[str, ...] = ("mmlu", "hellaswag", "truthfulqa", "multiple_choice", "lm_eval")


def _format_of(value: Any) -> str | None:
    """`format` where it is given, else the id where it names one, else multiple_choice."""
    read: Callable[[str], Any] = value.get if isinstance(value, dict) else lambda name: getattr(value, name, None)
    if chosen := read("format"):
        return chosen if chosen in _FORMATS else None
    named = read("id")
    return named if named in _FORMATS else "multiple_choice"


Benchmark = Annotated[
    Annotated[Mmlu, Tag("mmlu")]
    | Annotated[HellaSwag, Tag("hellaswag")]
    | Annotated[TruthfulQa, Tag("truthfulqa")]
    | Annotated[MultipleChoice, Tag("multiple_choice")]
    | Annotated[LmEval, Tag("lm_eval")],
    Discriminator(
        _format_of,
        custom_error_type="unknown_format",
        custom_error_message=f"format is one of {', '.join(_FORMATS)}",
    ),
]
