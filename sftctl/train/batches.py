"""Which rows meet in which forward pass: a function of the seed alone, so a resumed run sees the same batches."""

import hashlib
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

from sftctl.tokenization.packing import pack


@dataclass(frozen=True)
class BatchRules:
    """What shapes the batches.

    `step` is what one optimizer step holds at most, over all devices: examples, or with `step_in_tokens` all tokens of
    its examples. `budget` is the tokens (packed) or, without packing, the rows that one device holds at once. The
    first `first_rows` rows are read first in epoch 0, in their order; all else is shuffled.
    """

    step: int
    budget: int
    packed: bool
    processes: int = 1
    first_rows: int = 0
    step_in_tokens: bool = False


@dataclass(frozen=True)
class EpochBatches:
    """`windows[step][process]` lists the micro-batches of row numbers.

    All have equally many, since devices wait for one another; in a short last window some are empty.
    """

    windows: list[list[list[list[int]]]]

    @property
    def per_step(self) -> int:
        return len(self.windows[0][0])

    def of_process(self, process: int) -> list[list[int]]:
        """All micro-batches of one process, in order."""
        return [micro_batch for window in self.windows for micro_batch in window[process]]


def epoch_batches(
    lengths: Sequence[int], rules: BatchRules, seed: int, epoch: int, *, steps: int, per_step: int
) -> EpochBatches:
    """The micro-batches of one epoch; `steps` and `per_step`, from the two functions below, are those of all epochs."""
    windows = []
    for rows in _in_steps(_windows(lengths, rules, seed, epoch), steps):
        here = [lengths[row] for row in rows]
        groups = _spread(here, _groups(here, rules), per_step * rules.processes, rules)
        dealt = [[rows[i] for i in sorted(group)] for group in groups]
        windows.append([dealt[process :: rules.processes] for process in range(rules.processes)])
    return EpochBatches(windows)


def steps_per_epoch(lengths: Sequence[int], rules: BatchRules, seed: int, epochs: int) -> int:
    """Optimizer steps of one pass: with steps of so many tokens, the most that any epoch of the run needs."""
    if not rules.step_in_tokens:
        return math.ceil(len(lengths) / rules.step)
    return max(len(_windows(lengths, rules, seed, epoch)) for epoch in range(epochs))


def micro_batches_per_step(lengths: Sequence[int], rules: BatchRules, seed: int, epochs: int) -> int:
    """The most micro-batches that any optimizer step of the run needs on one process."""
    if not rules.packed and not rules.step_in_tokens:
        return math.ceil(min(rules.step, len(lengths)) / (rules.budget * rules.processes))
    most = 1
    for epoch in range(epochs):
        for rows in _windows(lengths, rules, seed, epoch):
            groups = _groups([lengths[row] for row in rows], rules)
            most = max(most, math.ceil(len(groups) / rules.processes))
    return most


def _windows(lengths: Sequence[int], rules: BatchRules, seed: int, epoch: int) -> list[list[int]]:
    """The rows of each step: in the epoch's order, until the next one would not fit; the last may hold less."""
    first = rules.first_rows if epoch == 0 else 0
    shuffled = list(range(first, len(lengths)))
    digest = hashlib.sha256(f"order of epoch {epoch}, seed {seed}".encode()).digest()
    random.Random(digest).shuffle(shuffled)
    windows: list[list[int]] = []
    room = 0
    for row in [*range(first), *shuffled]:
        size = lengths[row] if rules.step_in_tokens else 1
        if size > room:
            windows.append([])
            room = rules.step
        windows[-1].append(row)
        room -= size
    return windows


def _in_steps(windows: list[list[int]], steps: int) -> list[list[int]]:
    """Exactly `steps` windows: the one with the most rows is dealt as two, as often as needed."""
    windows = list(windows)
    while len(windows) < steps:
        largest = max(range(len(windows)), key=lambda i: (len(windows[i]), -i))
        half = len(windows[largest]) // 2
        windows[largest : largest + 1] = [windows[largest][:half], windows[largest][half:]]
    return windows


def _groups(lengths: Sequence[int], rules: BatchRules) -> list[list[int]]:
    if rules.packed:
        return pack(lengths, rules.budget)
    by_length = sorted(range(len(lengths)), key=lambda i: (-lengths[i], i))
    return [by_length[start : start + rules.budget] for start in range(0, len(by_length), rules.budget)]


def _spread(lengths: Sequence[int], groups: list[list[int]], wanted: int, rules: BatchRules) -> list[list[int]]:
    """Exactly `wanted` groups, as even as can be; none outgrows the budget, and surplus ones stay empty."""
    even = _longest_first(lengths, wanted)
    fits = max((sum(lengths[i] for i in group) if rules.packed else len(group)) for group in even) <= rules.budget
    if rules.packed and fits:
        return even
    groups = [list(group) for group in groups]
    while len(groups) < wanted and max(map(len, groups)) > 1:
        largest = max(range(len(groups)), key=lambda i: (len(groups[i]), -i))
        half = len(groups[largest]) // 2
        groups.append(groups[largest][half:])
        groups[largest] = groups[largest][:half]
    return groups + [[] for _ in range(wanted - len(groups))]


def _longest_first(lengths: Sequence[int], wanted: int) -> list[list[int]]:
    """Each row, longest first, into the group with the fewest tokens: Graham (1969)."""
    groups: list[list[int]] = [[] for _ in range(wanted)]
    totals = [0] * wanted
    for row in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        least = min(range(wanted), key=lambda i: (totals[i], len(groups[i]), i))
        groups[least].append(row)
        totals[least] += lengths[row]
    return groups
