"""A score of each row by the recipe's own model, and its rank among rows of the same task type."""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from sftctl.curate.task_types import TaskType, task_type
from sftctl.data.conversation import PLAIN_TEXT_ROLE, Conversation, content_hash

ResponseLosses = Callable[[Sequence[Conversation]], Sequence[float]]
"""Mean nats per token of each row's last response given what comes before it; of a plain text, of all of it."""

ScoreKind = Literal["ifd", "perplexity"]

MIN_RANKED_TOGETHER = 10
"""Task types with fewer rows are ranked together with each other."""


@dataclass(frozen=True, slots=True)
class Scores:
    """`values` by conversation id; `cache` by content, to be handed in again."""

    values: dict[str, float]
    cache: dict[str, float]


def quality_scores(
    conversations: Sequence[Conversation],
    losses: ResponseLosses,
    kind: ScoreKind,
    cache: Mapping[str, float] | None = None,
) -> Scores:
    """IFD (Li et al., 2024): loss of the response with its instruction, divided by its loss alone; or exp of the first.

    Only rows that `cache` does not know are scored, each content once. A loss that is not finite gives nan.
    """
    known = dict(cache or {})
    keys = {row.id: f"{kind}:{content_hash(row.messages)}" for row in conversations}
    missing = {keys[row.id]: row for row in conversations if keys[row.id] not in known}
    rows = list(missing.values())
    with_instruction = losses(rows) if rows else ()
    alone = losses([_response_alone(row) for row in rows]) if rows and kind == "ifd" else with_instruction
    for key, conditioned, unconditioned in zip(missing, with_instruction, alone, strict=True):
        known[key] = _ratio(conditioned, unconditioned) if kind == "ifd" else _perplexity(conditioned)
    return Scores({row.id: known[keys[row.id]] for row in conversations}, known)


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
    """inf above 700 nats, where exp overflows."""
    if math.isnan(nats):
        return math.nan
    return math.exp(nats) if nats <= 700 else math.inf
