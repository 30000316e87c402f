"""The test items that training must not hold: held-out rows and the texts of benchmark files."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sftctl.curate.config import DecontaminateConfig
from sftctl.curate.corpus import Corpus
from sftctl.curate.decontaminate import SHORT, STAGE, Hit, find_contaminated, find_covered, find_quoted
from sftctl.curate.result import DecontaminationReport
from sftctl.curate.verdicts import Decision
from sftctl.curate.words import Words, prompt_text, split_words
from sftctl.data.conversation import Conversation
from sftctl.data.read import read_values

HELD_OUT = "held_out"

Find = Callable[[Words, Words, Sequence[int], int], list[Hit]]


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


MAX_GROUPS_OF_A_TEMPLATE = 2
"""Rows are asked in the words of held-out rows: eight words in more groups than this are their template."""


def decontaminate(
    corpus: Corpus, rest: Sequence[int], held_out: Sequence[Conversation], config: DecontaminateConfig
) -> Decontaminated:
    """Rejects every row that holds a test item."""
    rows = np.array(rest, dtype=np.int64)
    texts, groups = corpus.words.whole().of_texts(rows), corpus.groups[rows].tolist()

    def matched(find: Find, items: Sequence[TestItem], max_groups: int) -> dict[int, TestItem]:
        words = split_words([item.text for item in items])
        return {rest[hit.row]: items[hit.item] for hit in find(texts, words, groups, max_groups)}

    prompts, answers = _held_out_items(held_out)
    benchmarks = [item for path in config.benchmarks for item in _benchmark_items(path)]
    template = min(config.max_groups, MAX_GROUPS_OF_A_TEMPLATE)
    found = matched(find_contaminated, benchmarks, config.max_groups)
    found = matched(find_covered, [*prompts, *answers], template) | found
    found = matched(find_quoted, prompts, config.max_groups) | found
    items = [*prompts, *answers, *benchmarks]
    return Decontaminated(
        rest=[position for position in rest if position not in found],
        decisions=[_decision(corpus.rows[position], found[position]) for position in sorted(found)],
        report=DecontaminationReport(
            items=dict(Counter(origin for origin, _ in dict.fromkeys((item.origin, item.name) for item in items))),
            hits=dict(Counter(found[position].origin for position in sorted(found))),
        ),
    )


def _decision(row: Conversation, item: TestItem) -> Decision:
    reason = "held_out_item" if item.origin == HELD_OUT else "benchmark_item"
    return Decision(row.id, "rejected", STAGE, reason, item.name)


def _held_out_items(held_out: Sequence[Conversation]) -> tuple[list[TestItem], list[TestItem]]:
    """Prompts; and responses, of rows whose prompt is too short to be known again.

    Answers are not looked for by a quotation: a 13-word idiom of code is in many answers to different questions.
    """
    prompts: list[TestItem] = []
    answers: list[TestItem] = []
    for row in held_out:
        prompt = prompt_text(row)
        if len(prompt.split()) >= SHORT:
            prompts.append(TestItem(HELD_OUT, row.id, prompt))
        else:
            answers.append(TestItem(HELD_OUT, row.id, row.response))
    return prompts, answers


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
