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
    columns: dict[str, int] = {}
    counts = [Counter(_WORD.findall(text.lower())) for text in texts]
    rows_with: Counter[str] = Counter()
    for words in counts:
        rows_with.update(words.keys())
    weights = {word: float(np.log((1 + len(texts)) / (1 + rows))) for word, rows in rows_with.items()}
    vectors_RD = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
    for row, words in enumerate(counts):
        vector_D = vectors_RD[row]
        for word, count in words.items():
            column = columns.get(word)
            if column is None:
                column = columns[word] = zlib.crc32(word.encode("utf-8", "surrogatepass"))
            # A hash bit as the sign keeps words that share a column from looking alike (Weinberger et al., 2009).
            sign = 1.0 if column & 0x10000 else -1.0
            vector_D[column % DIMENSIONS] += sign * (1.0 + float(np.log(count))) * weights[word]
    lengths_R = np.linalg.norm(vectors_RD, axis=1, keepdims=True)
    np.divide(vectors_RD, lengths_R, out=vectors_RD, where=lengths_R > 0)
    return vectors_RD
