"""A score of each row by the recipe's own model, and its rank among rows of the same task type."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from sftctl import console
from sftctl.curate.score_journal import ScoreJournal, ScoreKind
from sftctl.curate.task_types import TaskType, task_type
from sftctl.data.conversation import PLAIN_TEXT_ROLE, Conversation, content_hash


class LossModel(Protocol):
    """Mean nats per token of each row's last response given what comes before it; of a plain text, of all of it."""

    @property
    def identity(self) -> str:
        """Equal for models that give the same losses to the same rows."""

    def __call__(self, rows: Sequence[Conversation], /) -> Sequence[float]: ...


ROWS_PER_BLOCK = 1024
"""Rows that are scored, and kept on disk, together: a killed run loses one block at most."""

MIN_RANKED_TOGETHER = 10
"""Task types with fewer rows are ranked together with each other."""


def quality_scores(
    conversations: Sequence[Conversation], losses: LossModel, kind: ScoreKind, journal: ScoreJournal
) -> dict[str, float]:
    """IFD (Li et al., 2024): loss of the response with its instruction, divided by its loss alone; or exp of the first.

    By id; nan for a loss that is not finite. A content is scored once, and not again where the journal has it. Blocks
    are those of the rows, whether known or not: a run that was killed goes on with the batches of one that was not, so
    that the scores are the same to the last digit.
    """
    contents = {row.id: content_hash(row.messages, row.tools) for row in conversations}
    distinct = {contents[row.id]: row for row in conversations}
    missing = sum(content not in journal.scores for content in distinct)
    if missing:
        console.say(f"quality: {missing:,} rows to score by the model, {len(distinct) - missing:,} known from before")
    for block in _blocks(list(distinct), ROWS_PER_BLOCK):
        unknown = [content for content in block if content not in journal.scores]
        if unknown:
            scores = _scores([distinct[content] for content in unknown], losses, kind)
            journal.add(dict(zip(unknown, scores, strict=True)))
    return {row_id: journal.scores[content] for row_id, content in contents.items()}


def _blocks(contents: Sequence[str], size: int) -> Iterable[Sequence[str]]:
    return (contents[first : first + size] for first in range(0, len(contents), size))


def _scores(rows: Sequence[Conversation], losses: LossModel, kind: ScoreKind) -> list[float]:
    with_instruction = losses(rows)
    if kind == "perplexity":
        return [_perplexity(nats) for nats in with_instruction]
    alone = losses([_response_alone(row) for row in rows])
    return [
        _ratio(conditioned, unconditioned) for conditioned, unconditioned in zip(with_instruction, alone, strict=True)
    ]


def quality_ranks(
    conversations: Sequence[Conversation], scores: Mapping[str, float], kind: ScoreKind
) -> dict[str, float]:
    """From 0 (worst) to 1 (best) within a task type: code scores low everywhere, and must not vanish for it.

    A high IFD means that the instruction alone does not give the answer away; from 1 on it does not even help,
    so such rows come last. The lower a perplexity the better. nan is worst; ties share the mean of their ranks.
    """
    types = {row.id: task_type(row) for row in conversations}
    groups: dict[TaskType | None, list[str]] = defaultdict(list)
    for identifier, name in types.items():
        groups[name].append(identifier)
    small = [name for name, ids in groups.items() if len(ids) < MIN_RANKED_TOGETHER]
    if small:
        groups[None] = [identifier for name in small for identifier in groups.pop(name)]
    ranks: dict[str, float] = {}
    for ids in groups.values():
        ranks.update(_ranks({identifier: _worth(scores[identifier], kind) for identifier in ids}))
    return ranks


def _worth(score: float, kind: ScoreKind) -> float:
    if math.isnan(score):
        return -math.inf
    if kind == "perplexity":
        return -score
    return score if score < 1 else -score


def _ranks(worth: Mapping[str, float]) -> dict[str, float]:
    ordered = sorted(worth.values())
    if len(ordered) == 1:
        return dict.fromkeys(worth, 0.5)
    first = {value: index for index, value in reversed(list(enumerate(ordered)))}
    last = {value: index for index, value in enumerate(ordered)}
    return {key: (first[value] + last[value]) / 2 / (len(ordered) - 1) for key, value in worth.items()}


def _response_alone(conversation: Conversation) -> Conversation:
    return replace(conversation, messages=({"role": PLAIN_TEXT_ROLE, "content": conversation.response},))


def _ratio(conditioned: float, unconditioned: float) -> float:
    if not (math.isfinite(conditioned) and math.isfinite(unconditioned)) or unconditioned <= 0:
        return math.nan
    return conditioned / unconditioned


def _perplexity(nats: float) -> float:
    """nan above 700 nats too, where exp overflows: such a row is as bad as one without a loss."""
    return math.exp(nats) if nats <= 700 else math.nan
