"""Which rows the smoke test trains on: the longest first, so that memory peaks at once, then a fair draw."""

import random
from collections.abc import Sequence
from typing import TypeVar

from sftctl.tokenization.compact import lengths_of
from sftctl.tokenization.rows import EncodedRow

T = TypeVar("T")


def longest_first(rows: Sequence[EncodedRow], count: int, longest: int, rng: random.Random) -> list[EncodedRow]:
    """`count` rows: the `longest` longest of all, then others drawn at random without repetition.

    The rows after the first `longest` stand for the data set: their mean length is that of all rows.
    """
    lengths = lengths_of(rows)
    by_length = sorted(range(len(rows)), key=lambda i: (-lengths[i], i))
    first = by_length[: min(longest, count)]
    # Drawn from all rows, the longest too: a draw without them would be shorter than the data.
    rest = rng.sample(range(len(rows)), min(len(rows), count - len(first)))
    return [rows[i] for i in first + rest]


def spread(rows: Sequence[T], count: int, rng: random.Random) -> list[T]:
    """At most `count` rows, or what stands for them, drawn at random, in their order."""
    return [rows[i] for i in sorted(rng.sample(range(len(rows)), min(count, len(rows))))]
