"""The rows as the index sees them: their words, their shingle sets, and their groups of near copies."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sftctl.curate.config import NearDuplicatesConfig
from sftctl.curate.near_copies import CorpusSets, corpus_sets, near_copies_of, near_copy_groups
from sftctl.curate.words import CorpusWords, corpus_words
from sftctl.data.conversation import Conversation


@dataclass(frozen=True, slots=True)
class Corpus:
    """Rows and what is known of each, by its position. Every step after this one speaks of positions."""

    rows: list[Conversation]
    words: CorpusWords
    sets: CorpusSets
    groups: NDArray[np.int64]


def index_corpus(rows: Sequence[Conversation], config: NearDuplicatesConfig) -> Corpus:
    """The costly part of curation: every word is read once, every shingle sorted."""
    words = corpus_words(rows)
    sets = corpus_sets(words, config.ngram)
    method = "auto" if config.method == "off" else config.method
    return Corpus(list(rows), words, sets, near_copy_groups(sets, config.threshold, method))


def near_copies_among(
    corpus: Corpus, held_out: Sequence[int], others: Sequence[int], threshold: float
) -> dict[int, int]:
    """Those of `others` that are near copies of a held-out row, each with one that it is near to."""
    pairs = near_copies_of(corpus.sets, np.array(held_out, dtype=np.int64), threshold)
    matched = dict(zip(pairs.second.tolist(), pairs.first.tolist(), strict=True))
    return {position: matched[position] for position in others if position in matched}
