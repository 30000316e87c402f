"""Which rows are near copies for the held-out set: prompts alike or whole texts alike, every shingle counted."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from sftctl.curate import minhash, similar_pairs
from sftctl.curate.shingles import ShingleSets, shingle_sets
from sftctl.curate.similar_pairs import Pairs, Texts, joined_pairs, similar
from sftctl.curate.words import CorpusWords

Method = Literal["exact", "minhash"]

MAX_EXACT_TEXTS = 300_000
MAX_EXACT_COST = 3_000_000_000
"""Multiplications; about a minute of one core."""

PAIRS_PER_CHUNK = 50_000


@dataclass(frozen=True, slots=True)
class CorpusSets:
    """Shingle sets of the same rows: their prompts, their responses, and both as one text."""

    prompts: ShingleSets
    responses: ShingleSets
    wholes: ShingleSets


def corpus_sets(words: CorpusWords, ngram: int) -> CorpusSets:
    """Sorts every shingle of the corpus, three times."""
    return CorpusSets(
        shingle_sets(words.prompts, ngram), shingle_sets(words.responses, ngram), shingle_sets(words.whole(), ngram)
    )


def choose_method(sets: ShingleSets, asked: str, threshold: float) -> Method:
    """`exact` where its cost is bearable; a corpus of a hundred thousand copies of one template is not."""
    if asked == "exact":
        return "exact"
    if asked == "minhash" or len(sets.sizes) > MAX_EXACT_TEXTS:
        return "minhash"
    return "exact" if similar_pairs.join_cost(sets, threshold) <= MAX_EXACT_COST else "minhash"


def candidates(sets: ShingleSets, threshold: float, method: str) -> Iterator[Pairs]:
    """Pairs of rows that may be similar, from whichever method is asked; to be verified."""
    chosen = choose_method(sets, method, threshold)
    find = similar_pairs.candidate_blocks if chosen == "exact" else minhash.candidate_blocks
    return find(sets, threshold)


def near_copy_groups(sets: CorpusSets, threshold: float, method: str) -> NDArray[np.int64]:
    """The group of each row: rows are in one group when a chain of near copies leads from one to the other."""
    groups = np.arange(len(sets.prompts.sizes))
    for side in (sets.prompts, sets.wholes):
        equal = equal_sets(side)
        groups = _merged(groups, Pairs(np.arange(len(groups)), equal))
        representatives = np.flatnonzero((equal == np.arange(len(equal))) & (side.sizes > 0))
        distinct = side.of(representatives)
        for block in candidates(distinct, threshold, method):
            pairs = Pairs(representatives[block.first], representatives[block.second])
            groups = _linked(groups, side, pairs, threshold)
    return groups


def near_copies_of(sets: CorpusSets, chosen: Texts, threshold: float) -> Pairs:
    """Each chosen row (first) with every other row (second) that is a near copy of it; always exact."""
    found = []
    for side in (sets.prompts, sets.wholes):
        for block in similar_pairs.candidates_between(side, chosen, threshold):
            found.append(similar(side, block, threshold))
    return joined_pairs(found)


def equal_sets(sets: ShingleSets) -> NDArray[np.int64]:
    """For each text the first text with the same set; an empty set is equal to no other."""
    matrix = sets.matrix
    # A sum of random numbers, one a shingle, names a set.
    names = np.random.default_rng(0).integers(0, 1 << 63, matrix.shape[1], dtype=np.uint64)
    sums = np.concatenate([np.zeros(1, dtype=np.uint64), np.cumsum(names[matrix.indices], dtype=np.uint64)])
    signatures = sums[matrix.indptr[1:]] - sums[matrix.indptr[:-1]]
    equal = np.arange(len(sets.sizes))
    shared_only = np.flatnonzero((np.diff(matrix.indptr) == sets.sizes) & (sets.sizes > 0))
    _, first, of_text = np.unique(signatures[shared_only], return_index=True, return_inverse=True)
    equal[shared_only] = shared_only[first[of_text]]
    return equal


def _linked(groups: NDArray[np.int64], sets: ShingleSets, pairs: Pairs, threshold: float) -> NDArray[np.int64]:
    """Groups joined by those pairs that are similar; pairs already in one group are not compared."""
    _, one_a_text = np.unique(pairs.second, return_index=True)
    first_chunk = np.zeros(len(pairs), dtype=bool)
    first_chunk[one_a_text] = True
    groups = _merged(groups, similar(sets, pairs.where(first_chunk), threshold))
    rest = pairs.where(~first_chunk)
    while len(rest):
        rest = rest.where(groups[rest.first] != groups[rest.second])
        chunk = Pairs(rest.first[:PAIRS_PER_CHUNK], rest.second[:PAIRS_PER_CHUNK])
        groups = _merged(groups, similar(sets, chunk, threshold))
        rest = Pairs(rest.first[PAIRS_PER_CHUNK:], rest.second[PAIRS_PER_CHUNK:])
    return groups


def _merged(groups: NDArray[np.int64], pairs: Pairs) -> NDArray[np.int64]:
    """Groups joined wherever a pair leads from one to another."""
    edges = (np.ones(len(pairs), dtype=np.int8), (groups[pairs.first], groups[pairs.second]))
    _, labels = connected_components(sparse.coo_array(edges, shape=(len(groups), len(groups))), directed=False)
    return labels[groups].astype(np.int64)
