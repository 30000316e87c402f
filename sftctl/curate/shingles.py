"""Sets of shingles (n words in a row) of many texts, as one sparse matrix: which text has which shingle."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from sftctl.curate.words import Hashes, Words, mix

WORDS_PER_BLOCK = 1 << 17

_MULTIPLIER = np.uint64(0xD1342543DE82EF95)


@dataclass(frozen=True, slots=True)
class ShingleSets:
    """Which text has which shingle, of those that at least two texts have.

    matrix: texts x shared shingles; columns run from the rarest shingle to the most frequent, sorted in each row.
    sizes: shingles of each text, those that no other text has included.
    """

    matrix: sparse.csr_array
    sizes: NDArray[np.int64]

    def of(self, texts: NDArray[np.int64]) -> "ShingleSets":
        """The same sets for some of the texts, in the given order."""
        return ShingleSets(self.matrix[texts], self.sizes[texts])


def shingle_sets(words: Words, ngram: int) -> ShingleSets:
    """Every run of `ngram` words; a shorter text is one shingle, an empty text none."""
    keys = _sorted_keys(words, ngram)
    bits = _row_bits(len(words))
    rows = (keys & np.uint64((1 << bits) - 1)).astype(np.int32)
    sizes = np.bincount(rows, minlength=len(words)).astype(np.int64)
    keys >>= np.uint64(bits)
    begins = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]])) if len(keys) else np.zeros(0, np.int64)
    counts = np.diff(np.append(begins, len(keys)))
    shared = counts > 1
    rows = rows[np.repeat(shared, counts)]
    return ShingleSets(_rarest_first(rows, counts[shared], len(words)), sizes)


def _rarest_first(rows: NDArray[np.int32], counts: NDArray[np.int64], texts: int) -> sparse.csr_array:
    """From texts listed shingle by shingle to one sorted row a text."""
    starts = row_starts(counts)
    by_shingle = sparse.csc_array((np.ones(len(rows), dtype=np.int8), rows, starts), shape=(texts, len(counts)))
    # Transposing a matrix whose columns come in order gives rows in order, without a sort.
    by_text = by_shingle[:, np.argsort(counts, kind="stable")].tocsr()
    by_text.has_sorted_indices = True
    return by_text


def _sorted_keys(words: Words, ngram: int) -> Hashes:
    """A key holds a shingle's hash above its text's number: one sort brings equal shingles together; no repeats."""
    bits = np.uint64(_row_bits(len(words)))
    short = np.flatnonzero((words.lengths > 0) & (words.lengths < ngram))
    whole = [_combined(words.of(text), len(words.of(text)))[0] for text in short.tolist()]
    parts = [(np.array(whole, dtype=np.uint64) << bits) | short.astype(np.uint64)]
    parts += [(window.hashes << bits) | window.texts.astype(np.uint64) for window in windows(words, ngram)]
    keys: Hashes = np.concatenate(parts)
    del parts
    keys.sort()
    new = np.ones(len(keys), dtype=bool)
    new[1:] = keys[1:] != keys[:-1]
    distinct: Hashes = keys[new]
    return distinct


@dataclass(frozen=True, slots=True)
class Windows:
    """Runs of words: hash, text, and position of the first word in the whole of `Words`."""

    hashes: Hashes
    texts: NDArray[np.int64]
    positions: NDArray[np.int64]


def windows(words: Words, size: int) -> Iterator[Windows]:
    """Every run of `size` words that lies in one text, block by block."""
    first = 0
    while first < len(words):
        begin = int(words.starts[first])
        after = int(np.searchsorted(words.starts, begin + WORDS_PER_BLOCK))
        after = min(max(after, first + 1), len(words))
        hashes = words.hashes[begin : words.starts[after]]
        texts = np.repeat(np.arange(first, after), words.lengths[first:after])
        if len(hashes) >= size:
            inside = np.flatnonzero(texts[: len(texts) - size + 1] == texts[size - 1 :])
            yield Windows(_combined(hashes, size)[inside], texts[inside], begin + inside)
        first = after


def _combined(hashes: Hashes, ngram: int) -> Hashes:
    """One number a window: a polynomial in its words' hashes that depends on their order and count."""
    count = len(hashes) - ngram + 1
    total = np.full(count, np.uint64(ngram))
    for offset in range(ngram):
        total *= _MULTIPLIER
        total += hashes[offset : offset + count]
    return mix(total)


def _row_bits(texts: int) -> int:
    return max(16, texts.bit_length())


def row_starts(lengths: NDArray[np.int64]) -> NDArray[np.signedinteger[Any]]:
    """Where each row of a sparse matrix starts; in 32 bits where they do, which halves memory and time."""
    starts: NDArray[np.int64] = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return starts.astype(np.int32) if starts[-1] < 1 << 31 else starts


def without_boilerplate(sets: ShingleSets, max_rows: int) -> ShingleSets:
    """Shingles in more than `max_rows` texts do not count, except in a text that would keep fewer than half."""
    matrix = sets.matrix
    rows_with = np.bincount(matrix.indices, minlength=matrix.shape[1])
    common = (rows_with > max_rows)[matrix.indices]
    row_of = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    dropped = np.bincount(row_of[common], minlength=matrix.shape[0])
    counts_all = (sets.sizes - dropped) * 2 < sets.sizes
    stays = ~common | counts_all[row_of]
    starts = row_starts(np.bincount(row_of[stays], minlength=matrix.shape[0]))
    kept = sparse.csr_array((matrix.data[stays], matrix.indices[stays], starts), shape=matrix.shape)
    return ShingleSets(kept, np.where(counts_all, sets.sizes, sets.sizes - dropped))


def side_by_side(left: ShingleSets, right: ShingleSets) -> ShingleSets:
    """Both sides of each text as one set, in which a left shingle never equals a right one."""
    both = sparse.hstack([left.matrix, right.matrix], format="csr")
    counts = np.bincount(both.indices, minlength=both.shape[1])
    order = np.argsort(counts, kind="stable")
    rank = np.empty(len(order), dtype=np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    relabelled = sparse.csr_array((both.data, rank[both.indices], both.indptr), shape=both.shape)
    relabelled.sort_indices()
    return ShingleSets(relabelled, left.sizes + right.sizes)
