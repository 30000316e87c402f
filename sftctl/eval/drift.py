"""Other signs of forgetting: divergence from the base, repetition, diversity, collapse of openings, vocabulary."""

import itertools
from collections import Counter
from collections.abc import Callable, Sequence

from sftctl.eval.intervals import bounds_of, compared
from sftctl.eval.result import Bounds, Sign
from sftctl.eval.text_metrics import words_of
from sftctl.units import percent

MAX_KL_NATS = 0.5
MAX_REPETITION_RISE = 0.1
MIN_DIVERSITY_KEPT = 0.7
MAX_SAME_OPENING = 0.5
MAX_OPENING_RISE = 0.25
"""From here on a sign is called notable. Chosen, not measured: they start a look, they do not fail a run."""


def text_signs(base: Sequence[str] | None, tuned: Sequence[str]) -> list[Sign]:
    """Signs that need nothing but the answers. Diversity counts the same number of words on both sides."""
    sides = [[words_of(text) for text in texts] for texts in ([base, tuned] if base is not None else [tuned])]
    return [
        _repetition(sides),
        _diversity(sides, "distinct-2", "share of word pairs that differ", _distinct_pairs),
        _diversity(sides, "vocabulary", "different words", _vocabulary),
        _openings(base, tuned),
    ]


def kl_sign(nats: Sequence[float], tokens: Sequence[int], interval: Bounds | None) -> Sign:
    """Mean divergence of the tuned model's next-token distribution from the base's, over reference responses."""
    mean = sum(nats) / max(1, sum(tokens))
    return Sign(
        name="KL to the base",
        base=0.0,
        tuned=mean,
        interval=interval,
        notable=mean > MAX_KL_NATS,
        meaning=f"nats per token over {sum(tokens):,} tokens of {len(nats):,} responses; notable above {MAX_KL_NATS}",
    )


def repetition(words: Sequence[str]) -> float:
    """rep-4 (Welleck et al. 2020): share of 4-grams that came before in the same answer; 0 below 4 words."""
    grams = [tuple(words[i : i + 4]) for i in range(len(words) - 3)]
    return 1 - len(set(grams)) / len(grams) if grams else 0.0


def same_opening(texts: Sequence[str]) -> float:
    """Share of answers that begin with the commonest three words; 0 without an answer."""
    openings = Counter(tuple(words_of(text)[:3]) for text in texts)
    return max(openings.values()) / len(texts) if texts else 0.0


def _repetition(sides: Sequence[Sequence[Sequence[str]]]) -> Sign:
    values = [[repetition(words) for words in side] for side in sides]
    means = [sum(side) / max(1, len(side)) for side in values]
    interval = bounds_of(compared(values[0], values[1], binary=False).interval) if len(values) == 2 else None
    return Sign(
        name="rep-4",
        base=means[0] if len(means) == 2 else None,
        tuned=means[-1],
        interval=interval,
        notable=means[-1] - (means[0] if len(means) == 2 else 0) > MAX_REPETITION_RISE,
        meaning=f"share of repeated 4-word runs in an answer; notable when it rises by {MAX_REPETITION_RISE}",
    )


def _diversity(
    sides: Sequence[Sequence[Sequence[str]]], name: str, meaning: str, measure: Callable[[Sequence[str]], float]
) -> Sign:
    budget = min(sum(map(len, side)) for side in sides)
    values = [measure([word for words in side for word in words][:budget]) for side in sides]
    before = values[0] if len(values) == 2 else None
    limit = f"notable below {percent(MIN_DIVERSITY_KEPT)} of the base's"
    return Sign(
        name=name,
        base=before,
        tuned=values[-1],
        interval=None,
        notable=before is not None and values[-1] < MIN_DIVERSITY_KEPT * before,
        meaning=f"{meaning} in {budget:,} words of each side; {limit}",
    )


def _distinct_pairs(words: Sequence[str]) -> float:
    pairs = list(itertools.pairwise(words))
    return len(set(pairs)) / len(pairs) if pairs else 0.0


def _vocabulary(words: Sequence[str]) -> float:
    return float(len(set(words)))


def _openings(base: Sequence[str] | None, tuned: Sequence[str]) -> Sign:
    before, after = (same_opening(base) if base is not None else None), same_opening(tuned)
    return Sign(
        name="same opening",
        base=before,
        tuned=after,
        interval=None,
        notable=after > MAX_SAME_OPENING and after - (before or 0.0) > MAX_OPENING_RISE,
        meaning=f"share of answers that begin with the commonest three words; notable above "
        f"{percent(MAX_SAME_OPENING)} when it rises by more than {100 * MAX_OPENING_RISE:g} points",
    )
