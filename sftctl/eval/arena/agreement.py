"""How far raters agree beyond chance: Cohen's kappa for two, Fleiss' for more."""

from collections import Counter
from collections.abc import Hashable, Sequence


def cohen_kappa(one: Sequence[Hashable], other: Sequence[Hashable]) -> float:
    """Cohen (1960). 1 where chance alone would agree on everything and they do; at least one item."""
    items = len(one)
    observed = sum(a == b for a, b in zip(one, other, strict=True)) / items
    left, right = Counter(one), Counter(other)
    expected = sum(left[label] * right[label] for label in left) / items**2
    return _beyond(observed, expected)


def fleiss_kappa(ratings: Sequence[Sequence[Hashable]]) -> float:
    """Fleiss (1971): each item's ratings, from any raters, the same number (two or more) for every item."""
    raters = len(ratings[0])
    totals: Counter[Hashable] = Counter()
    agreement = 0.0
    for item in ratings:
        if len(item) != raters or raters < 2:
            raise ValueError("Fleiss' kappa needs the same number of ratings, two or more, for every item")
        counts = Counter(item)
        totals += counts
        agreement += (sum(count**2 for count in counts.values()) - raters) / (raters * (raters - 1))
    given = raters * len(ratings)
    expected = sum((count / given) ** 2 for count in totals.values())
    return _beyond(agreement / len(ratings), expected)


def _beyond(observed: float, expected: float) -> float:
    return 1.0 if expected == 1 else (observed - expected) / (1 - expected)
