"""What stats says, in the types that eval.json holds."""

import math
from collections.abc import Sequence

from sftctl import stats
from sftctl.eval.result import Bounds, Difference, Rate


def bounds_of(interval: stats.Interval, scale: float = 1.0) -> Bounds:
    """An infinite bound becomes null."""
    low, high = interval.low * scale, interval.high * scale
    return Bounds(low=low if math.isfinite(low) else None, high=high if math.isfinite(high) else None)


def difference_of(paired: stats.Paired, scale: float = 1.0) -> Difference:
    """In another unit where `scale` says so: 100 for points of a share."""
    error = paired.standard_error * scale
    return Difference(
        value=paired.difference * scale,
        standard_error=error if math.isfinite(error) else None,
        interval=bounds_of(paired.interval, scale),
        p=paired.p,
        items=paired.items,
    )


def rate_of(scores: Sequence[float], *, binary: bool) -> Rate | None:
    """Mean of scores in 0..1 with Wilson's interval for shares, Student's t for the rest; None without a score."""
    if not scores:
        return None
    mean = math.fsum(scores) / len(scores)
    if binary:
        return Rate(value=mean, interval=bounds_of(stats.wilson(round(sum(scores)), len(scores))), rows=len(scores))
    spread = stats.paired_difference([0.0] * len(scores), scores).interval
    clipped = stats.Interval(max(0.0, spread.low), min(1.0, spread.high))
    return Rate(value=mean, interval=bounds_of(clipped), rows=len(scores))


def compared(base: Sequence[float], tuned: Sequence[float], *, binary: bool) -> stats.Paired:
    """tuned - base on the same items, by the test that fits the kind of score."""
    return stats.paired_proportions(base, tuned) if binary else stats.paired_difference(base, tuned)
