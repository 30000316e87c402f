"""Answers of both sides to the chosen prompts: generated once, kept, and set side by side."""

import difflib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from sftctl.eval.engines.reply import Engine, Reply
from sftctl.eval.ledger import Keep, Ledger, key_of
from sftctl.eval.prompts import Question
from sftctl.eval.result import Mark
from sftctl.run_dir import RunDir, write_text


@dataclass(frozen=True, slots=True)
class AnswerPair:
    """A question with its answers; `base` is None where the engine has no base."""

    question: Question
    base: Reply | None
    tuned: Reply


@dataclass(frozen=True)
class Answered:
    """Pairs, and the ids of rows to which a side gave no answer."""

    pairs: list[AnswerPair]
    unanswered: list[str]


def answer(
    engine: Engine, side: Literal["base", "tuned"], questions: Sequence[Question], ledger: Ledger
) -> list[Reply | None]:
    """One reply to each question, in order; those that the ledger holds are not asked again."""
    identity = engine.identity(side)
    if identity is None:
        return [None] * len(questions)
    longest_first = sorted(range(len(questions)), key=lambda i: -len(questions[i].token_ids or ()))
    ordered = [questions[i] for i in longest_first]

    def measure(positions: Sequence[int], keep: Keep) -> None:
        def keep_replies(replies: Mapping[int, Reply | None]) -> None:
            values = {number: reply and (reply.text, reply.stopped) for number, reply in replies.items()}
            keep({positions[number]: value for number, value in values.items()})

        engine.answer(side, [ordered[i] for i in positions], keep_replies)

    keys = [key_of("reply", identity, question.token_ids or list(question.row.messages)) for question in ordered]
    values = ledger.fill_as_they_come(keys, measure)
    replies: list[Reply | None] = [None] * len(questions)
    for position, value in zip(longest_first, values, strict=True):
        replies[position] = None if value is None else Reply(*value)
    return replies


def paired(
    questions: Sequence[Question], base: Sequence[Reply | None], tuned: Sequence[Reply | None], *, has_base: bool
) -> Answered:
    """Only questions that every side answered are compared; the others are named."""
    pairs, unanswered = [], []
    for question, before, after in zip(questions, base, tuned, strict=True):
        if after is None or (has_base and before is None):
            unanswered.append(question.row.id)
        else:
            pairs.append(AnswerPair(question, before, after))
    return Answered(pairs, unanswered)


def write_generations(run_dir: RunDir, pairs: Sequence[AnswerPair]) -> None:
    """generations.base.jsonl and generations.tuned.jsonl: id, prompt, answer, stopped."""
    for side in ("base", "tuned"):
        replies = [(pair.question, pair.base if side == "base" else pair.tuned) for pair in pairs]
        lines = [
            json.dumps(
                {"id": question.row.id, "prompt": question.text, "answer": reply.text, "stopped": reply.stopped},
                ensure_ascii=False,
            )
            for question, reply in replies
            if reply is not None
        ]
        if lines or side == "tuned":
            write_text(run_dir.generations(side), "".join(line + "\n" for line in lines))


def marks(base: str, tuned: str) -> tuple[tuple[Mark, ...], tuple[Mark, ...]]:
    """Word by word: the characters of each answer that the other does not have."""
    left, right = (list(re.finditer(r"\S+|\s+", text)) for text in (base, tuned))
    matcher = difflib.SequenceMatcher(None, [m[0] for m in left], [m[0] for m in right], autojunk=False)
    base_marks, tuned_marks = [], []
    for kind, left_from, left_to, right_from, right_to in matcher.get_opcodes():
        if kind == "equal":
            continue
        if left_to > left_from:
            base_marks.append(Mark(start=left[left_from].start(), end=left[left_to - 1].end()))
        if right_to > right_from:
            tuned_marks.append(Mark(start=right[right_from].start(), end=right[right_to - 1].end()))
    return tuple(base_marks), tuple(tuned_marks)
