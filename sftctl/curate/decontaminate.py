"""Finds training rows that hold a test item: a shared 13-gram, or shared 8-grams that cover half of the item.

13-grams as in Brown et al. (2020), appendix C, who also ignore n-grams that occur in more than 10 training documents.
Here an n-gram is ignored when more than so many groups of near copies have it: thirty answers to one test question are
thirty leaks, not boilerplate.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sftctl.curate.shingles import windows
from sftctl.curate.words import Hashes, Words

STAGE = "decontaminate"

LONG, SHORT = 13, 8
"""Words in a row that are a hit by themselves; and those that must cover `MIN_COVERAGE` of the item together."""

MIN_COVERAGE = 0.5

_FILTER_BITS = 22


@dataclass(frozen=True, slots=True)
class Hit:
    """A row, by position, and the test item that is in it."""

    row: int
    item: int


@dataclass(frozen=True, slots=True)
class _Grams:
    """n-grams that occur in test items, sorted by hash; gram i occurs at `items[starts[i]:starts[i + 1]]`."""

    size: int
    hashes: Hashes
    starts: NDArray[np.int64]
    items: NDArray[np.int64]
    positions: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Found:
    """Rows and the numbers of the grams found in them; no repeats."""

    rows: NDArray[np.int64]
    grams: NDArray[np.int64]


def find_contaminated(texts: Words, items: Words, groups: Sequence[int], max_groups: int) -> list[Hit]:
    """One hit a contaminated text: the first item that it quotes, else the item that it covers most."""
    hits = {hit.row: hit for hit in find_covered(texts, items, groups, max_groups)}
    hits |= {hit.row: hit for hit in find_quoted(texts, items, groups, max_groups)}
    return [hits[row] for row in sorted(hits)]


def find_quoted(texts: Words, items: Words, groups: Sequence[int], max_groups: int) -> list[Hit]:
    """Texts that share `LONG` words in a row with an item, each with the first of such items."""
    long = _grams_of(items, LONG)
    found = _without_boilerplate(_occurrences(texts, long), groups, max_groups)
    first: dict[int, Hit] = {}
    for row, gram in zip(found.rows.tolist(), found.grams.tolist(), strict=True):
        first.setdefault(row, Hit(row, int(long.items[long.starts[gram]])))
    return list(first.values())


def find_covered(texts: Words, items: Words, groups: Sequence[int], max_groups: int) -> list[Hit]:
    """Texts whose runs of `SHORT` words cover enough of an item, each with the item that is covered most."""
    short = _grams_of(items, SHORT)
    found = _without_boilerplate(_occurrences(texts, short), groups, max_groups)
    return list(_covering(found, short, items.lengths).values()) if len(found.rows) else []


def _grams_of(items: Words, size: int) -> _Grams:
    parts = list(windows(items, size))
    hashes = np.concatenate([np.zeros(0, dtype=np.uint64), *(part.hashes for part in parts)])
    texts = np.concatenate([np.zeros(0, dtype=np.int64), *(part.texts for part in parts)])
    at = np.concatenate([np.zeros(0, dtype=np.int64), *(part.positions for part in parts)])
    order = np.lexsort((at, texts, hashes))
    found, starts = np.unique(hashes[order], return_index=True)
    return _Grams(size, found, np.append(starts, len(order)), texts[order], (at - items.starts[texts])[order])


def _occurrences(texts: Words, grams: _Grams) -> _Found:
    """Each gram that each text has."""
    # Most windows of the corpus are in no item: a table of a few bits of the hash says so at once.
    possible = np.zeros(1 << _FILTER_BITS, dtype=bool)
    shift = np.uint64(64 - _FILTER_BITS)
    possible[grams.hashes >> shift] = True
    rows: list[NDArray[np.int64]] = []
    found: list[NDArray[np.int64]] = []
    for part in windows(texts, grams.size) if len(grams.hashes) else ():
        maybe = np.flatnonzero(possible[part.hashes >> shift])
        place = np.minimum(np.searchsorted(grams.hashes, part.hashes[maybe]), len(grams.hashes) - 1)
        same = grams.hashes[place] == part.hashes[maybe]
        rows.append(part.texts[maybe][same])
        found.append(place[same])
    none = np.zeros(0, dtype=np.int64)
    return _distinct(np.concatenate([none, *rows]), np.concatenate([none, *found]), len(grams.hashes))


def _without_boilerplate(found: _Found, groups: Sequence[int] | NDArray[np.int64], max_groups: int) -> _Found:
    group_of_row = np.asarray(groups, dtype=np.int64)
    if len(found.rows) == 0:
        return found
    by_group = _distinct(group_of_row[found.rows], found.grams, int(found.grams.max()) + 1)
    groups_with = np.bincount(by_group.grams)
    rare = groups_with[found.grams] <= max_groups
    return _Found(found.rows[rare], found.grams[rare])


def _distinct(rows: NDArray[np.int64], grams: NDArray[np.int64], count: int) -> _Found:
    keys = np.unique(rows * max(count, 1) + grams)
    return _Found(keys // max(count, 1), keys % max(count, 1))


def _covering(found: _Found, grams: _Grams, item_lengths: NDArray[np.int64]) -> dict[int, Hit]:
    """Rows in which short grams cover enough of an item, by row."""
    occurrences = np.diff(grams.starts)[found.grams]
    rows = np.repeat(found.rows, occurrences)
    offset = np.arange(len(rows)) - np.repeat(np.cumsum(occurrences) - occurrences, occurrences)
    at = np.repeat(grams.starts[found.grams], occurrences) + offset
    items, positions = grams.items[at], grams.positions[at]
    order = np.lexsort((positions, items, rows))
    rows, items, positions = rows[order], items[order], positions[order]
    last = np.ones(len(rows), dtype=bool)
    last[:-1] = (rows[1:] != rows[:-1]) | (items[1:] != items[:-1])
    step = np.full(len(rows), grams.size)
    step[:-1] = np.where(last[:-1], grams.size, np.minimum(positions[1:] - positions[:-1], grams.size))
    covered = np.diff(np.concatenate([[0], np.cumsum(step)[last]]))
    share = covered / item_lengths[items[last]]
    hits: dict[int, Hit] = {}
    best: dict[int, float] = {}
    for row, item, part in _enough(rows[last], items[last], share):
        if part > best.get(row, 0.0):
            best[row] = part
            hits[row] = Hit(row, item)
    return hits


def _enough(
    rows: NDArray[np.int64], items: NDArray[np.int64], share: NDArray[np.float64]
) -> Iterator[tuple[int, int, float]]:
    chosen = share >= MIN_COVERAGE
    return zip(rows[chosen].tolist(), items[chosen].tolist(), share[chosen].tolist(), strict=True)
