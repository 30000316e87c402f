"""How varied the rows are, before and after curation: kinds of tasks, lengths, words, and how much rows resemble."""

import itertools
import math
import random
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from sftctl.curate.clusters import find_clusters, nearest_centres
from sftctl.curate.diversity_result import Diversity, DiversityComparison, Lengths
from sftctl.curate.task_types import task_type
from sftctl.curate.text_vectors import Vectors, conversation_vectors
from sftctl.data.conversation import Conversation

SAMPLE_ROWS = 1_000
VENDI_ROWS = 400
DISTINCT_WORDS = 20_000
CLUSTERS = 50

_WORD = re.compile(r"[^\W\d_][\w'’-]*")
_VERBS = (
    "add analyze answer arrange ask assume brainstorm build calculate categorize change check choose classify",
    "combine compare complete compose compute condense construct continue convert correct count create debug",
    "decide define describe design detect determine develop discuss draft draw edit estimate evaluate explain",
    "expand express extract fill find fix form formulate generate give guess help identify imagine implement",
    "improve infer insert invent judge list make match modify name order organize outline paraphrase pick plan",
    "predict prepare pretend produce propose prove provide rank rate read recommend refactor remove rephrase",
    "replace reply respond return review rewrite select show simplify solve sort state structure suggest sum",
    "summarise summarize synthesize tell think transform translate use verify write what which who whom whose",
    "when where why how is are was were do does did can could would should will",
)
_FIRST_VERBS = frozenset(word for line in _VERBS for word in line.split())
"""What a request begins with: imperatives, and the words that open a question."""


def compare_diversity(
    before: Sequence[Conversation], after: Sequence[Conversation], seed: int
) -> DiversityComparison | None:
    """Clusters are those of the rows before; None when one side has no rows."""
    if not before or not after:
        return None
    drawn_before, drawn_after = _draw(before, seed), _draw(after, seed)
    # Weighted together, so that a word counts the same on both sides.
    vectors_RD = conversation_vectors([*drawn_before, *drawn_after])
    before_RD, after_RD = vectors_RD[: len(drawn_before)], vectors_RD[len(drawn_before) :]
    centres_KD = find_clusters(before_RD, CLUSTERS, seed).centres_KD
    return DiversityComparison(
        before=_measure(drawn_before, len(before), before_RD, centres_KD),
        after=_measure(drawn_after, len(after), after_RD, centres_KD),
    )


def entropy_bits(counts: Sequence[int]) -> float:
    """Shannon's entropy of shares."""
    total = sum(counts)
    return -sum(count / total * math.log2(count / total) for count in counts if count) + 0.0


def distinct_2(texts: Sequence[str], max_words: int = DISTINCT_WORDS) -> float:
    """Different pairs of words by all pairs (Li et al., 2016), in the first `max_words`: it falls with the length."""
    pairs: list[tuple[str, str]] = []
    for text in texts:
        words = _WORD.findall(text.lower())[: max_words + 1 - len(pairs)]
        pairs.extend(itertools.pairwise(words))
        if len(pairs) >= max_words:
            break
    return len(set(pairs)) / len(pairs) if pairs else 0.0


def vendi_score(vectors_RD: Vectors) -> float:
    """The effective number of different rows (Friedman and Dieng, 2023): exp of the entropy of K/R's eigenvalues."""
    if len(vectors_RD) == 0:
        return 0.0
    kernel_RR = vectors_RD.astype(np.float64) @ vectors_RD.T.astype(np.float64)
    np.fill_diagonal(kernel_RR, 1.0)
    eigenvalues = np.linalg.eigvalsh(kernel_RR / len(vectors_RD))
    eigenvalues = eigenvalues[eigenvalues > 1e-12]
    return float(np.exp(-np.sum(eigenvalues * np.log(eigenvalues))))


def nearest_similarity(vectors_RD: Vectors) -> float:
    """The mean over rows of the cosine with the most similar other row; 0 for fewer than two rows."""
    if len(vectors_RD) < 2:
        return 0.0
    similar_RR = vectors_RD @ vectors_RD.T
    np.fill_diagonal(similar_RR, -1.0)
    return float(similar_RR.max(axis=1).mean())


def first_verb(prompt: str) -> str:
    """The first word that asks (write, what) among the first twelve of the prompt or of its last line; else empty."""
    start = prompt[:300].lower()
    end = prompt.rstrip()[-300:].lower().rpartition("\n")[2]
    for text in (start, end):
        words: list[str] = _WORD.findall(text)[:12]
        found = next((word for word in words if word in _FIRST_VERBS), "")
        if found:
            return found
    return ""


def _draw(conversations: Sequence[Conversation], seed: int) -> list[Conversation]:
    if len(conversations) <= SAMPLE_ROWS:
        return list(conversations)
    chosen = random.Random(seed).sample(range(len(conversations)), SAMPLE_ROWS)
    return [conversations[index] for index in sorted(chosen)]


def _measure(drawn: Sequence[Conversation], rows: int, vectors_RD: Vectors, centres_KD: Vectors) -> Diversity:
    types = Counter(task_type(row) for row in drawn)
    verbs = Counter(first_verb(row.prompt) for row in drawn)
    verbs.pop("", None)
    # Neighbours in the order of the file would be neighbours in topic, so every k-th row.
    spread_RD = vectors_RD[:: max(1, len(vectors_RD) // VENDI_ROWS)][:VENDI_ROWS]
    return Diversity(
        rows=rows,
        sample_rows=len(drawn),
        task_types=dict(types.most_common()),
        task_entropy_bits=round(entropy_bits(list(types.values())), 4),
        prompt_words=_lengths([row.prompt for row in drawn]),
        response_words=_lengths([row.response for row in drawn]),
        distinct_2=round(distinct_2([row.response for row in drawn]), 4),
        vendi=round(vendi_score(spread_RD), 2),
        vendi_rows=len(spread_RD),
        nearest_similarity=round(nearest_similarity(vectors_RD), 4),
        first_verbs=dict(verbs.most_common(20)),
        clusters_covered=len(set(nearest_centres(vectors_RD, centres_KD).tolist())),
        clusters=len(centres_KD),
    )


def _lengths(texts: Sequence[str]) -> Lengths:
    words = np.array([len(text.split()) for text in texts], dtype=np.float64)
    p5, p50, p95 = np.percentile(words, (5, 50, 95))
    return Lengths(mean=round(float(words.mean()), 1), p5=float(p5), p50=float(p50), p95=float(p95))
