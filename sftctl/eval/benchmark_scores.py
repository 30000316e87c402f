"""A benchmark's items read, sampled and scored by log-likelihood on one model."""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sftctl import console
from sftctl.errors import DataUnusable
from sftctl.eval.benchmark_figures import ItemScore
from sftctl.eval.benchmark_items import read_items
from sftctl.eval.benchmarks import Item, Scored
from sftctl.eval.config import BenchmarksConfig
from sftctl.eval.ledger import Ledger, key_of
from sftctl.eval.prompts import stratified
from sftctl.eval.scorer import choice_log_likelihoods, cut_items

_ITEMS_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class NamedItem:
    """An item under the id by which both sides are paired: a hash of its content, `#2` for a repeated one."""

    id: str
    item: Item


@dataclass(frozen=True)
class BenchmarkSample:
    """The items of a benchmark that are scored, out of `available`."""

    task: Scored
    available: int
    items: list[NamedItem]


def read_sample(task: Scored, seed: int) -> BenchmarkSample:
    """A sample spread over the groups. Raises DataUnusable for an empty file or a row that is no item."""
    items = read_items(task, task.path, task.split)
    repeats: dict[str, int] = {}
    named = []
    for item in _after_shots(task, items):
        content = key_of(item.prompt, item.choices)
        repeats[content] = repeats.get(content, 0) + 1
        named.append(NamedItem(content if repeats[content] == 1 else f"{content}#{repeats[content]}", item))
    chosen = stratified(named, task.items, seed, stratum=lambda item: item.item.group, name=lambda item: item.id)
    return BenchmarkSample(task, len(named), chosen)


def _after_shots(task: Scored, items: Sequence[Item]) -> list[Item]:
    """Each item behind the first solved examples of its group, itself never among them."""
    if task.shots is None:
        return [item.after(()) for item in items]
    source = task.shots.path or task.path
    examples: dict[str, list[Item]] = defaultdict(list)
    for example in read_items(task, source, task.shots.split):
        examples[example.group].append(example)
    asked = []
    for item in items:
        shots = list(islice((example for example in examples[item.group] if example != item), task.shots.count))
        if len(shots) < task.shots.count:
            raise DataUnusable(
                f"eval.benchmarks: {task.id}: {source} has {len(shots)} solved examples"
                + (f" of {item.group}" if item.group else "")
                + f" where shots.count asks for {task.shots.count}. Lower it, or add examples."
            )
        asked.append(item.after(shots))
    return asked


def score_sample(
    model: Callable[[], Any], tokenizer: Any, sample: BenchmarkSample, ledger: Ledger, config: BenchmarksConfig
) -> list[ItemScore]:
    """One score an item, in order; items that the ledger holds are not scored again."""
    named = sample.items

    def measure(positions: Sequence[int]) -> list[list[float]]:
        items = [named[i].item for i in positions]
        return choice_log_likelihoods(
            model(), tokenizer, items, as_chat=config.as_chat, max_batch_tokens=config.max_batch_tokens
        )

    keys = [key_of("choices", config.as_chat, each.item.prompt, each.item.choices) for each in named]
    values = ledger.fill(keys, measure, at_once=_ITEMS_AT_ONCE)
    return [_score(each, sample.task.metric, tuple(nats)) for each, nats in zip(named, values, strict=True)]


def score_again(
    model: Callable[[], Any], tokenizer: Any, sample: BenchmarkSample, ledger: Ledger, config: BenchmarksConfig
) -> list[ItemScore]:
    """The first 100 items one by one and in reverse order: what batching and order add to a score.

    Warns of those that the model cannot read whole.
    """
    named = sample.items[:100]

    def measure(positions: Sequence[int]) -> list[list[float]]:
        loaded = model()
        items = [named[i].item for i in reversed(positions)]
        if cut := cut_items(loaded, tokenizer, items, as_chat=config.as_chat):
            console.warn(
                f"{sample.task.id}: {cut} of the first {len(items)} prompts are longer than the model's context "
                "and lose their beginning, for both models alike. Ask with fewer shots."
            )
        alone = [choice_log_likelihoods(loaded, tokenizer, [item], as_chat=config.as_chat)[0] for item in items]
        return alone[::-1]

    keys = [key_of("choices alone", config.as_chat, each.item.prompt, each.item.choices) for each in named]
    values = ledger.fill(keys, measure, at_once=len(named))
    return [_score(each, sample.task.metric, tuple(nats)) for each, nats in zip(named, values, strict=True)]


def item_score(item: Item, metric: str, log_likelihoods: Sequence[float]) -> float:
    """acc, acc_norm and mc1: 1 where the first best choice is right. mc2: share of probability on right choices.

    A model that gives no finite number gets no item right.
    """
    if not all(map(math.isfinite, log_likelihoods)):
        return 0.0
    if metric == "mc2":
        highest = max(log_likelihoods)
        masses = [math.exp(value - highest) for value in log_likelihoods]
        right = math.fsum(mass for mass, label in zip(masses, item.labels, strict=True) if label)
        return right / math.fsum(masses)
    values = list(log_likelihoods)
    if metric == "acc_norm":
        values = [value / len(choice.lstrip()) for value, choice in zip(values, item.choices, strict=True)]
    return float(item.labels[values.index(max(values))])


def _score(named: NamedItem, metric: str, nats: tuple[float, ...]) -> ItemScore:
    return ItemScore(named.id, key_of(named.item.prompt), item_score(named.item, metric, nats), nats)
