"""Whether a noisy series falls, with a stated confidence."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats


@dataclass(frozen=True, slots=True)
class Trend:
    """`slope` is the median change a step (Theil 1950, Sen 1968); `falls` and `rises` are one-sided p-values."""

    slope: float
    falls: float
    rises: float


def trend(series: Sequence[float]) -> Trend:
    """Mann (1945) and Kendall (1975): every pair of points is compared, so an outlier counts once.

    Normal approximation with ties; both p-values are 1 below four points, or where a point is not finite.
    """
    values = np.asarray(series, dtype=float)
    count = len(values)
    if count < 4 or not np.isfinite(values).all():
        return Trend(math.nan, 1.0, 1.0)
    later, earlier = np.tril_indices(count, -1)
    differences = values[later] - values[earlier]
    score = float(np.sign(differences).sum())
    _, ties = np.unique(values, return_counts=True)
    variance = (_cubic(count) - sum(_cubic(tie) for tie in ties.tolist())) / 18
    slope = float(np.median(differences / (later - earlier)))
    if variance <= 0:
        return Trend(slope, 1.0, 1.0)
    z = (score - math.copysign(1, score)) / math.sqrt(variance) if score else 0.0
    return Trend(slope, falls=float(stats.norm.cdf(z)), rises=float(stats.norm.sf(z)))


def _cubic(n: int) -> float:
    return float(n * (n - 1) * (2 * n + 5))
