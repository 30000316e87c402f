"""The test items that training must not hold: held-out rows and the texts of benchmark files."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sftctl.curate.config import DecontaminateConfig
from sftctl.curate.corpus import Corpus
from sftctl.curate.decontaminate import SHORT, STAGE, find_contaminated
from sftctl.curate.result import DecontaminationReport
from sftctl.curate.verdicts import Decision
from sftctl.curate.words import prompt_text, split_words
from sftctl.data.conversation import Conversation
from sftctl.data.read import read_values

HELD_OUT = "held_out"


@dataclass(frozen=True, slots=True)
class TestItem:
    """One text to look for; `name` is the held-out row's id, or file:line."""

    origin: str
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Decontaminated:
    """Positions that go on, a decision about each that does not, and the counts by file."""

    rest: list[int]
    decisions: list[Decision]
    report: DecontaminationReport


def decontaminate(
    corpus: Corpus, rest: Sequence[int], held_out: Sequence[Conversation], config: DecontaminateConfig
) -> Decontaminated:
    """Rejects every row that holds a test item."""
    items = [*_held_out_items(held_out), *(item for path in config.benchmarks for item in _benchmark_items(path))]
    rows = np.array(rest, dtype=np.int64)
    texts = corpus.words.whole().of_texts(rows)
    words = split_words([item.text for item in items])
    hits = find_contaminated(texts, words, corpus.groups[rows].tolist(), config.max_groups)
    matched = {rest[hit.row]: items[hit.item] for hit in hits}
    return Decontaminated(
        rest=[position for position in rest if position not in matched],
        decisions=[_decision(corpus.rows[position], item) for position, item in matched.items()],
        report=DecontaminationReport(
            items=dict(Counter(origin for origin, _ in dict.fromkeys((item.origin, item.name) for item in items))),
            hits=dict(Counter(item.origin for item in matched.values())),
        ),
    )


def _decision(row: Conversation, item: TestItem) -> Decision:
    reason = "held_out_item" if item.origin == HELD_OUT else "benchmark_item"
    return Decision(row.id, "rejected", STAGE, reason, item.name)


def _held_out_items(held_out: Sequence[Conversation]) -> Iterator[TestItem]:
    """The prompt; the response where the prompt is too short to be known again.

    Answers are left to the near-copy check: a 13-word idiom of code is in many answers to different questions.
    """
    for row in held_out:
        prompt = prompt_text(row)
        yield TestItem(HELD_OUT, row.id, prompt if len(prompt.split()) >= SHORT else row.response)


def _benchmark_items(path: Path) -> Iterator[TestItem]:
    """Each text field of a row by itself; the texts of a list (choices) are one."""
    for number, row in enumerate(read_values(str(path)), start=1):
        for value in row.values():
            text = "\n".join(_texts(value))
            if text:
                yield TestItem(path.name, f"{path.name}:{number}", text)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)
