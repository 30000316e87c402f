"""Near-duplicate pairs found the plain way, to check the join: every pair of rows, no shared code, no shortcut."""

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
from scipy import sparse

WORD = re.compile(r"\w+[+#]{0,2}")

Shingles = frozenset[int]
"""Python's hash of each run of words, since seven million tuples of words would need 3 GB."""


def shingle_set(text: str, ngram: int = 5) -> Shingles:
    words = WORD.findall(text.lower()) or [sign for sign in text if not sign.isspace()]
    if len(words) < ngram:
        return frozenset([hash(tuple(words))] if words else [])
    return frozenset(map(hash, zip(*(words[first:] for first in range(ngram)), strict=False)))


def without_boilerplate(sets: Sequence[Shingles], max_rows: int) -> list[Shingles]:
    rows_with = Counter(shingle for shingles in sets for shingle in shingles)
    reduced = []
    for shingles in sets:
        kept = frozenset(shingle for shingle in shingles if rows_with[shingle] <= max_rows)
        reduced.append(shingles if 2 * len(kept) < len(shingles) else kept)
    return reduced


def similar_pairs(sets: Sequence[Shingles], threshold: float) -> dict[tuple[int, int], float]:
    """Intersections of all pairs by one matrix product, block by block; Jaccard from counts."""
    number: dict[int, int] = {}
    rows, columns = [], []
    for row, shingles in enumerate(sets):
        for shingle in shingles:
            rows.append(row)
            columns.append(number.setdefault(shingle, len(number)))
    ones = np.ones(len(rows), dtype=np.float32)
    matrix = sparse.csr_array((ones, (rows, columns)), shape=(len(sets), max(len(number), 1)))
    sizes = np.array([len(shingles) for shingles in sets])
    found: dict[tuple[int, int], float] = {}
    transposed = matrix.T.tocsr()
    for first in range(0, len(sets), 500):
        common = (matrix[first : first + 500] @ transposed).tocoo()
        left, right = common.coords
        left = left + first
        jaccard = common.data / (sizes[left] + sizes[right] - common.data)
        near = (left < right) & (jaccard >= threshold - 1e-9)
        found.update(
            zip(zip(left[near].tolist(), right[near].tolist(), strict=True), jaccard[near].tolist(), strict=True)
        )
    return found


def near_copies(chosen: Sequence[Shingles], others: Sequence[Shingles], threshold: float) -> list[tuple[int, int]]:
    """A chosen set and another at the threshold; sets are counted shingle by shingle."""
    chosen_with: dict[int, list[int]] = {}
    for i, shingles in enumerate(chosen):
        for shingle in shingles:
            chosen_with.setdefault(shingle, []).append(i)
    found = []
    for j, shingles in enumerate(others):
        common = Counter(i for shingle in shingles for i in chosen_with.get(shingle, ()))
        found += [(i, j) for i, n in common.items() if n >= threshold * (len(shingles) + len(chosen[i]) - n) - 1e-9]
    return found
