"""Texts as vectors of weighted words, for clusters and similarities: no model, the same numbers on any machine."""

import re
import zlib
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sftctl.data.conversation import Conversation

# R rows, D dimensions
Vectors = NDArray[np.float32]

DIMENSIONS = 512
_WORD = re.compile(r"[^\W_]+|[{}()\[\];=<>#]")
_PROMPT_CHARACTERS = 1_000
_RESPONSE_CHARACTERS = 500


def conversation_vectors(conversations: Sequence[Conversation]) -> Vectors:
    """RxD, rows of length 1 (0 for a row without words). The prompt's start and the response's start count."""
    texts = [f"{row.prompt[:_PROMPT_CHARACTERS]}\n{row.response[:_RESPONSE_CHARACTERS]}" for row in conversations]
    return text_vectors(texts)


def text_vectors(texts: Sequence[str]) -> Vectors:
    """Hashed words, weighted by 1 + ln(count) and by ln(rows / rows with the word), as in tf-idf."""
    numbers: dict[str, int] = {}
    words_of: list[int] = []
    counts_of: list[int] = []
    sizes: list[int] = []
    for text in texts:
        counted = Counter(_WORD.findall(text.lower()))
        words_of.extend([numbers.setdefault(word, len(numbers)) for word in counted])
        counts_of.extend(counted.values())
        sizes.append(len(counted))
    vectors_RD = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
    if not numbers:
        return vectors_RD
    hashes_W = np.array([zlib.crc32(word.encode("utf-8", "surrogatepass")) for word in numbers], dtype=np.int64)
    words_N = np.array(words_of, dtype=np.int64)
    rows_with_W = np.bincount(words_N, minlength=len(numbers))
    weights_W = np.log((1 + len(texts)) / (1 + rows_with_W))
    # A hash bit as the sign keeps words that share a column from looking alike (Weinberger et al., 2009).
    weights_W *= np.where(hashes_W & 0x10000, 1.0, -1.0)
    values_N = weights_W[words_N] * (1.0 + np.log(np.array(counts_of)))
    rows_N = np.repeat(np.arange(len(texts)), sizes)
    np.add.at(vectors_RD, (rows_N, hashes_W[words_N] % DIMENSIONS), values_N.astype(np.float32))
    lengths_R = np.linalg.norm(vectors_RD, axis=1, keepdims=True)
    np.divide(vectors_RD, lengths_R, out=vectors_RD, where=lengths_R > 0)
    return vectors_RD
