"""Pairs of texts whose shingle sets have a Jaccard similarity of at least a threshold: exact, by a sparse join."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from sftctl.curate.shingles import ShingleSets, row_starts

PRODUCTS_PER_BLOCK = 20_000_000
"""Multiplications in one block of the join: bounds the memory of its result."""

ELEMENTS_PER_BLOCK = 4_000_000
"""Shingles compared at once when pairs are verified."""

_ROUNDING = 1e-9

Texts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Two texts each."""

    first: Texts
    second: Texts

    def __len__(self) -> int:
        return len(self.first)

    def where(self, chosen: NDArray[np.bool_]) -> "Pairs":
        return Pairs(self.first[chosen], self.second[chosen])


def joined_pairs(parts: list[Pairs]) -> Pairs:
    """All pairs of all parts."""
    none = [np.zeros(0, dtype=np.int64)]
    return Pairs(np.concatenate(none + [p.first for p in parts]), np.concatenate(none + [p.second for p in parts]))


def candidate_blocks(sets: ShingleSets, threshold: float) -> Iterator[Pairs]:
    """Pairs (first < second) that may reach the threshold; every pair that does is among them.

    Prefix filter (Chaudhuri et al., 2006): of two sets with similarity >= t, each has a shingle of the other among its
    |x| - ceil(t |x|) + 1 rarest.
    """
    prefixes = _prefixes(sets, threshold)
    for pairs in _products(prefixes, prefixes, sets.sizes, sets.sizes, threshold):
        yield pairs.where(pairs.first < pairs.second)


def candidates_between(sets: ShingleSets, chosen: Texts, threshold: float) -> Iterator[Pairs]:
    """Pairs that may reach the threshold, of a chosen text (first) and any other (second)."""
    prefixes = _prefixes(sets, threshold)
    for pairs in _products(prefixes[chosen], prefixes, sets.sizes[chosen], sets.sizes, threshold):
        pairs = Pairs(chosen[pairs.first], pairs.second)
        yield pairs.where(pairs.first != pairs.second)


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
    starts = row_starts(lengths)
    indices = matrix.indices[np.arange(starts[-1]) + np.repeat(matrix.indptr[:-1] - starts[:-1], lengths)]
    return sparse.csr_array((np.ones(len(indices), dtype=np.int32), indices, starts), shape=matrix.shape)


def _products(
    left: sparse.csr_array, right: sparse.csr_array, left_sizes: Texts, right_sizes: Texts, threshold: float
) -> Iterator[Pairs]:
    """Pairs of a left and a right text that share a shingle and whose sizes allow the threshold, block by block."""
    transposed = right.T.tocsr()
    rows_with = np.diff(transposed.indptr)
    work = np.concatenate([[0], np.cumsum(rows_with[left.indices])])[left.indptr]
    first = 0
    while first < left.shape[0]:
        after = _block_end(work, first, PRODUCTS_PER_BLOCK)
        rows, columns = (left[first:after] @ transposed).tocoo().coords
        pairs = Pairs(rows.astype(np.int64) + first, columns.astype(np.int64))
        yield pairs.where(sizes_allow(left_sizes[pairs.first], right_sizes[pairs.second], threshold))
        first = after


def sizes_allow(sizes: Texts, others: Texts, threshold: float) -> NDArray[np.bool_]:
    """Whether sets of these sizes can reach the threshold at all."""
    allowed: NDArray[np.bool_] = np.minimum(sizes, others) >= threshold * np.maximum(sizes, others) - _ROUNDING
    return allowed


def similarities(sets: ShingleSets, pairs: Pairs) -> NDArray[np.float64]:
    """Exact Jaccard similarity of each pair; 0 where both sets are empty."""
    result = np.zeros(len(pairs))
    elements = np.concatenate([[0], np.cumsum(sets.sizes[pairs.first] + sets.sizes[pairs.second])])
    first = 0
    while first < len(pairs):
        after = _block_end(elements, first, ELEMENTS_PER_BLOCK)
        one, other = pairs.first[first:after], pairs.second[first:after]
        common = np.asarray(sets.matrix[one].multiply(sets.matrix[other]).sum(axis=1))
        union = sets.sizes[one] + sets.sizes[other] - common
        result[first:after] = common / np.maximum(union, 1)
        first = after
    return result


def similar(sets: ShingleSets, pairs: Pairs, threshold: float) -> Pairs:
    """The pairs that reach the threshold."""
    return pairs.where(reaches(similarities(sets, pairs), threshold))


def reaches(similarity: NDArray[np.float64], threshold: float) -> NDArray[np.bool_]:
    """At least the threshold, as far as floating point can tell."""
    return similarity >= threshold - _ROUNDING


def _block_end(cumulated: NDArray[np.int64], first: int, budget: int) -> int:
    """As many items as the budget allows, at least one."""
    after = int(np.searchsorted(cumulated, cumulated[first] + budget, side="right")) - 1
    return min(max(after, first + 1), len(cumulated) - 1)
