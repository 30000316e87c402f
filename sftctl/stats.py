"""Intervals and tests that more than one stage uses: every figure that is compared comes with one of these."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats

_BOOTSTRAP_CELLS = 4_000_000
"""Resample weights held in memory at once."""

MIN_BOOTSTRAP_ROWS = 5
"""With fewer rows a bootstrap interval is far too narrow to be shown."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A two-sided interval; infinite bounds say that the sample is too small for one."""

    low: float
    high: float


UNBOUNDED = Interval(-math.inf, math.inf)


@dataclass(frozen=True, slots=True)
class Paired:
    """tuned - base on the same items. `p` is two-sided; `standard_error` is infinite for a single item."""

    difference: float
    standard_error: float
    interval: Interval
    p: float
    items: int


@dataclass(frozen=True, slots=True)
class Discordant:
    """Items that only one of two sides got right."""

    lost: int
    gained: int


def wilson(successes: int, trials: int, *, confidence: float = 0.95) -> Interval:
    """Wilson (1927) score interval of a proportion; (0, 1) for no trials."""
    if trials == 0:
        return Interval(0.0, 1.0)
    z = _z(confidence)
    rate = successes / trials
    centre = (rate + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z * math.sqrt(rate * (1 - rate) / trials + z * z / (4 * trials * trials)) / (1 + z * z / trials)
    # Rounding must not push a bound past what was observed at 0 and 1.
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == trials else min(1.0, centre + half)
    return Interval(low, high)


def discordant(base: Sequence[float], tuned: Sequence[float]) -> Discordant:
    """Count the items that the tuned side lost and gained; values are 0 or 1."""
    pairs = list(zip(base, tuned, strict=True))
    return Discordant(lost=sum(b > t for b, t in pairs), gained=sum(t > b for b, t in pairs))


def mcnemar(lost: int, gained: int) -> float:
    """Exact two-sided McNemar test (binomial, McNemar 1947); 1 where nothing differs."""
    return sign_test(gained, lost)


def sign_test(wins: int, losses: int) -> float:
    """Exact two-sided sign test, ties left out; 1 where all are ties."""
    if wins + losses == 0:
        return 1.0
    return float(stats.binomtest(wins, wins + losses, 0.5).pvalue)


def paired_difference(base: Sequence[float], tuned: Sequence[float], *, confidence: float = 0.95) -> Paired:
    """Mean of tuned - base with its paired standard error and Student's t interval (normal for many items)."""
    differences = np.asarray(tuned, dtype=float) - np.asarray(base, dtype=float)
    items = len(differences)
    mean = float(differences.mean()) if items else 0.0
    if items < 2:
        return Paired(mean, math.inf, UNBOUNDED, 1.0, items)
    error = float(differences.std(ddof=1) / math.sqrt(items))
    if error == 0.0:
        return Paired(mean, 0.0, Interval(mean, mean), 1.0 if mean == 0 else 0.0, items)
    half = float(stats.t.ppf(0.5 + confidence / 2, items - 1)) * error
    p = 2 * float(stats.t.sf(abs(mean) / error, items - 1))
    return Paired(mean, error, Interval(mean - half, mean + half), p, items)


def paired_proportions(base: Sequence[float], tuned: Sequence[float], *, confidence: float = 0.95) -> Paired:
    """Difference of two paired proportions with Tango's (1998) score interval, which stays honest for few items.

    The standard error is the plain paired one. `p` is the score test (asymptotic McNemar), so that it is below
    1 - confidence exactly where the interval excludes 0.
    """
    plain = paired_difference(base, tuned)
    if plain.items == 0:
        return Paired(0.0, math.inf, Interval(-1.0, 1.0), 1.0, 0)
    counts = discordant(base, tuned)
    differing = counts.lost + counts.gained
    p = 2 * float(stats.norm.sf(abs(counts.gained - counts.lost) / math.sqrt(differing))) if differing else 1.0
    interval = tango(counts.lost, counts.gained, plain.items, confidence=confidence)
    return Paired(plain.difference, plain.standard_error, interval, p, plain.items)


def tango(lost: int, gained: int, items: int, *, confidence: float = 0.95) -> Interval:
    """Tango (1998) score interval of (gained - lost) / items; bounds stay within -1 and 1."""
    z = _z(confidence)
    observed = (gained - lost) / items

    def score(difference: float) -> float:
        a = 2 * items
        b = -gained - lost + (2 * items - gained + lost) * difference
        c = -lost * difference * (1 - difference)
        lost_rate = (math.sqrt(max(b * b - 4 * a * c, 0.0)) - b) / (2 * a)
        variance = items * (2 * lost_rate + difference * (1 - difference))
        gap = gained - lost - items * difference
        return gap / math.sqrt(variance) if variance > 1e-12 else math.copysign(math.inf, gap) if gap else 0.0

    def bound(edge: float, target: float) -> float:
        if abs(score(edge)) < abs(target):
            return edge
        # At the observed difference the score is 0, at the edge it is past the target: one root lies between.
        finite = 1e6
        return float(
            optimize.brentq(lambda d: max(-finite, min(finite, score(d))) - target, observed, edge, xtol=1e-12)
        )

    low = -1.0 if observed <= -1.0 else bound(-1.0, z)
    high = 1.0 if observed >= 1.0 else bound(1.0, -z)
    return Interval(low, high)


def paired_bootstrap(
    base: Sequence[float],
    tuned: Sequence[float],
    weights: Sequence[float],
    *,
    seed: int,
    resamples: int = 2000,
    confidence: float = 0.95,
) -> Paired:
    """Difference of two weighted means by a percentile bootstrap over rows (Efron 1979).

    For losses `base` and `tuned` are each row's summed nats and `weights` its tokens: rows are resampled, tokens
    weigh. Unbounded below MIN_BOOTSTRAP_ROWS rows; exactly 0 wide where all rows are equal.
    """
    counts = np.asarray(weights, dtype=float)
    gap = np.asarray(tuned, dtype=float) - np.asarray(base, dtype=float)
    rows = len(gap)
    total = float(counts.sum())
    difference = float(gap.sum()) / total if total else 0.0
    if not gap.any():
        return Paired(0.0, 0.0, Interval(0.0, 0.0), 1.0, rows)
    if rows < MIN_BOOTSTRAP_ROWS:
        return Paired(difference, math.inf, UNBOUNDED, 1.0, rows)
    means = _resampled_means(gap, counts, np.random.default_rng(seed), resamples)
    above = float((means > 0).mean() + (means == 0).mean() / 2)
    p = min(1.0, max(2 * min(above, 1 - above), 1 / resamples))
    return Paired(difference, float(means.std(ddof=1)), _percentile_interval(means, confidence), p, rows)


def bootstrap_interval(
    values: Sequence[float], weights: Sequence[float], *, seed: int, resamples: int = 2000, confidence: float = 0.95
) -> Interval:
    """Percentile interval of a weighted mean over rows; the same draws as `paired_bootstrap` for the same seed."""
    if len(values) < MIN_BOOTSTRAP_ROWS:
        return UNBOUNDED
    means = _resampled_means(
        np.asarray(values, float), np.asarray(weights, float), np.random.default_rng(seed), resamples
    )
    return _percentile_interval(means, confidence)


def _percentile_interval(means: np.ndarray, confidence: float) -> Interval:
    tail = (1 - confidence) / 2
    low, high = (float(bound) for bound in np.quantile(means, [tail, 1 - tail]))
    return Interval(low, high)


def _resampled_means(values: np.ndarray, weights: np.ndarray, rng: np.random.Generator, resamples: int) -> np.ndarray:
    rows = len(values)
    chunk = max(1, _BOOTSTRAP_CELLS // rows)
    even = np.full(rows, 1 / rows)
    means = []
    for start in range(0, resamples, chunk):
        draws = rng.multinomial(rows, even, size=min(chunk, resamples - start)).astype(float)
        means.append((draws @ values) / np.maximum(draws @ weights, 1e-300))
    return np.concatenate(means)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm (1979) adjusted p-values, in the given order."""
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted


def _z(confidence: float) -> float:
    return float(stats.norm.ppf(0.5 + confidence / 2))
