"""What is voted on: pairs of answers with sides shuffled, some again with sides swapped, and the key to it all."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from pydantic import BaseModel, ConfigDict

from sftctl.eval.judge.contest import Task
from sftctl.manifest import hash_value


@dataclass(frozen=True)
class Entry:
    """One task and each model's answers, one to each turn."""

    task: Task
    answers: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Comparison:
    """One pair on the page. `id` tells nothing about models or order."""

    id: str
    task: Task
    left: tuple[str, ...]
    right: tuple[str, ...]


class KeyItem(BaseModel):
    """Who stands where; `repeats` is the id of the first showing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    prompt: str
    left: str
    right: str
    repeats: str | None = None


class ArenaKey(BaseModel):
    """arena_key.json: never to be shown to voters."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    arena: str
    models: tuple[str, ...]
    items: dict[str, KeyItem]


@dataclass(frozen=True)
class Ballot:
    """The page's comparisons in their order, and the key."""

    comparisons: tuple[Comparison, ...]
    key: ArenaKey


def make_ballot(entries: Sequence[Entry], models: Sequence[str], *, repeat_share: float, seed: int) -> Ballot:
    """One pair of models a prompt, all pairs equally often; the same ballot for the same answers and seed."""
    rng = random.Random(seed)
    pairs = list(combinations(models, 2))
    rng.shuffle(pairs)
    shuffled = list(entries)
    rng.shuffle(shuffled)
    content = [[entry.task.id, entry.task.turns, dict(entry.answers)] for entry in entries]
    arena = hash_value([content, list(models), repeat_share, seed])[:12]
    shown: list[tuple[Comparison, KeyItem]] = []
    for number, entry in enumerate(shuffled):
        left, right = rng.sample(pairs[number % len(pairs)], 2)
        shown.append(_comparison(arena, entry, KeyItem(prompt=entry.task.id, left=left, right=right)))
    repeated = rng.sample(range(len(shown)), round(repeat_share * len(shown)))
    by_id = {entry.task.id: entry for entry in entries}
    for number in sorted(repeated):
        first, item = shown[number]
        again = KeyItem(prompt=item.prompt, left=item.right, right=item.left, repeats=first.id)
        shown.append(_comparison(arena, by_id[item.prompt], again))
    key = ArenaKey(arena=arena, models=tuple(models), items={comparison.id: item for comparison, item in shown})
    return Ballot(tuple(comparison for comparison, _ in shown), key)


def _comparison(arena: str, entry: Entry, item: KeyItem) -> tuple[Comparison, KeyItem]:
    identity = hash_value([arena, item.prompt, item.left, item.right])[:12]
    return Comparison(identity, entry.task, entry.answers[item.left], entry.answers[item.right]), item
