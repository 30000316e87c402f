"""Candidate pairs by MinHash and locality-sensitive hashing: for corpora where the exact join would cost too much."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from rensa import RMinHash

from sftctl.curate.shingles import ShingleSets
from sftctl.curate.similar_pairs import Pairs, sizes_allow
from sftctl.curate.words import Hashes, mix

PERMUTATIONS = 128

MIN_RECALL = 0.999
"""Chance that a pair right at the threshold falls into one bucket at least."""

TEXTS_PER_BLOCK = 20_000

PAIRS_PER_BAND = 20_000_000
"""Where the buckets of a band hold more, a text is compared with the next few of its bucket: the cost stays linear."""

_SEED = 1


def rows_per_band(threshold: float) -> int:
    """The longest bands (fewest false candidates) that still find a pair at the threshold with `MIN_RECALL`.

    A pair of similarity s shares one of b bands of r rows with chance 1 - (1 - s^r)^b (Leskovec et al., 2014, 3.4).
    """
    enough = [r for r in range(1, PERMUTATIONS) if 1 - (1 - threshold**r) ** (PERMUTATIONS // r) >= MIN_RECALL]
    return max(enough, default=1)


def candidate_blocks(sets: ShingleSets, threshold: float) -> Iterator[Pairs]:
    """Pairs (first < second) that share a bucket, one block a band, no pair twice.

    Shingles that only one text has are left out of the signatures: similar pairs look more similar, so none is lost.
    """
    signatures = _signatures(sets)
    rows = rows_per_band(threshold)
    texts = np.flatnonzero(np.diff(sets.matrix.indptr) > 0)
    seen = np.zeros(0, dtype=np.int64)
    for band in range(PERMUTATIONS // rows):
        buckets = np.zeros(len(texts), dtype=np.uint64)
        for column in range(band * rows, (band + 1) * rows):
            buckets = mix(buckets * np.uint64(31) + signatures[texts, column].astype(np.uint64) + np.uint64(1))
        pairs = _pairs_within(buckets, texts)
        pairs = pairs.where(sizes_allow(sets.sizes[pairs.first], sets.sizes[pairs.second], threshold))
        keys = np.sort(pairs.first * len(sets.sizes) + pairs.second)
        keys = keys[~np.isin(keys, seen, assume_unique=True)]
        seen = np.concatenate([seen, keys])
        yield Pairs(keys // len(sets.sizes), keys % len(sets.sizes))


def _signatures(sets: ShingleSets) -> NDArray[np.uint32]:
    """texts x permutations."""
    matrix = sets.matrix
    names = mix(np.arange(1, matrix.shape[1] + 1, dtype=np.uint64))
    signatures = np.zeros((matrix.shape[0], PERMUTATIONS), dtype=np.uint32)
    for first in range(0, matrix.shape[0], TEXTS_PER_BLOCK):
        after = min(first + TEXTS_PER_BLOCK, matrix.shape[0])
        starts = matrix.indptr[first : after + 1]
        hashes = names[matrix.indices[starts[0] : starts[-1]]]
        signatures[first:after] = _digests(hashes, starts - starts[0])
    return signatures


def _digests(hashes: Hashes, starts: NDArray[np.int64]) -> NDArray[np.uint32]:
    digests = RMinHash.digest_matrix_from_flat_token_hashes(hashes, starts, num_perm=PERMUTATIONS, seed=_SEED)
    return np.asarray(digests.to_rows(), dtype=np.uint32)


def _pairs_within(buckets: Hashes, texts: NDArray[np.int64]) -> Pairs:
    """Every two texts of a bucket; each with the next few only, where there are more than `PAIRS_PER_BAND`."""
    order = np.argsort(buckets, kind="stable")
    buckets, texts = buckets[order], texts[order]
    sizes = np.unique(buckets, return_counts=True)[1]
    few = max(1, PAIRS_PER_BAND // max(len(texts), 1))
    most = len(texts) if (sizes * (sizes - 1) // 2).sum() <= PAIRS_PER_BAND else few
    firsts, seconds = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    alive = np.arange(len(texts))
    for distance in range(1, most + 1):
        alive = alive[alive + distance < len(texts)]
        alive = alive[buckets[alive] == buckets[alive + distance]]
        if len(alive) == 0:
            break
        firsts.append(texts[alive])
        seconds.append(texts[alive + distance])
    return Pairs(np.concatenate(firsts), np.concatenate(seconds))
