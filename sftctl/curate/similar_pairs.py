"""Pairs of texts whose shingle sets have a Jaccard similarity of at least a threshold: exact, by a sparse join."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from sftctl.curate.shingles import ShingleSets

PRODUCTS_PER_BLOCK = 20_000_000
"""Multiplications in one block of the join: bounds the memory of its result."""

ELEMENTS_PER_BLOCK = 4_000_000
"""Shingles compared at once when pairs are verified."""

_ROUNDING = 1e-9

Texts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Two texts each, `first` before `second`."""

    first: Texts
    second: Texts

    def __len__(self) -> int:
        return len(self.first)

    def where(self, chosen: NDArray[np.bool_]) -> "Pairs":
        return Pairs(self.first[chosen], self.second[chosen])


def candidate_blocks(sets: ShingleSets, threshold: float) -> Iterator[Pairs]:
    """Pairs that may reach the threshold; every pair that does is among them.

    Prefix filter (Chaudhuri et al., 2006): of two sets with similarity >= t, each has a shingle of the other among its
    |x| - ceil(t |x|) + 1 rarest.
    """
    prefixes = _prefixes(sets, threshold)
    transposed = prefixes.T.tocsr()
    rows_with = np.bincount(prefixes.indices, minlength=prefixes.shape[1])
    work = np.concatenate([[0], np.cumsum(rows_with[prefixes.indices])])[prefixes.indptr]
    first = 0
    while first < prefixes.shape[0]:
        after = int(np.searchsorted(work, work[first] + PRODUCTS_PER_BLOCK, side="right")) - 1
        after = min(max(after, first + 1), prefixes.shape[0])
        block = (prefixes[first:after] @ transposed).tocoo()
        rows, columns = block.coords
        rows = rows.astype(np.int64) + first
        columns = columns.astype(np.int64)
        small = np.minimum(sets.sizes[rows], sets.sizes[columns])
        large = np.maximum(sets.sizes[rows], sets.sizes[columns])
        possible = (rows < columns) & (small >= threshold * large - _ROUNDING)
        yield Pairs(rows[possible], columns[possible])
        first = after


def join_cost(sets: ShingleSets, threshold: float) -> int:
    """Multiplications that the join of `candidate_blocks` needs."""
    prefixes = _prefixes(sets, threshold)
    rows_with = np.bincount(prefixes.indices, minlength=prefixes.shape[1]).astype(np.int64)
    return int((rows_with**2).sum())


def _prefixes(sets: ShingleSets, threshold: float) -> sparse.csr_array:
    """The rarest shingles of each set that the prefix filter needs, without those that one text alone has."""
    matrix = sets.matrix
    shared = np.diff(matrix.indptr)
    needed = sets.sizes - np.ceil(threshold * sets.sizes - _ROUNDING).astype(np.int64) + 1
    lengths = np.clip(needed - (sets.sizes - shared), 0, shared)
    position = np.arange(matrix.nnz) - np.repeat(matrix.indptr[:-1], shared)
    indices = matrix.indices[position < np.repeat(lengths, shared)]
    starts = np.concatenate([[0], np.cumsum(lengths)])
    return sparse.csr_array((np.ones(len(indices), dtype=np.int32), indices, starts), shape=matrix.shape)


def similarities(sets: ShingleSets, pairs: Pairs) -> NDArray[np.float64]:
    """Exact Jaccard similarity of each pair; 0 where both sets are empty."""
    result = np.zeros(len(pairs))
    elements = np.concatenate([[0], np.cumsum(sets.sizes[pairs.first] + sets.sizes[pairs.second])])
    first = 0
    while first < len(pairs):
        after = int(np.searchsorted(elements, elements[first] + ELEMENTS_PER_BLOCK, side="right")) - 1
        after = min(max(after, first + 1), len(pairs))
        one, other = pairs.first[first:after], pairs.second[first:after]
        common = np.asarray(sets.matrix[one].multiply(sets.matrix[other]).sum(axis=1))
        union = sets.sizes[one] + sets.sizes[other] - common
        result[first:after] = common / np.maximum(union, 1)
        first = after
    return result


def reaches(similarity: NDArray[np.float64], threshold: float) -> NDArray[np.bool_]:
    """At least the threshold, as far as floating point can tell."""
    return similarity >= threshold - _ROUNDING
