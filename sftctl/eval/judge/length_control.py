"""The win rate that would be seen if answers were equally long: an approximation in the manner of AlpacaEval 2.

Dubois et al. (2024) fit a logistic model with terms for model, length and instruction over many models. A run has one
model, so the length slope cannot be told from luck by its own rows alone; a prior on it, fitted on half of AlpacaEval's
published models (docs/explanation/judge.md), stands in for the others.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from sftctl.stats import MIN_BOOTSTRAP_ROWS, UNBOUNDED, Interval, wilson


class SlopePrior(NamedTuple):
    """Normal prior of the slope on tanh((own length - opponent's) / mean length of the opponent's), in log-odds."""

    mean: float
    deviation: float


PRIOR = SlopePrior(mean=1.0, deviation=0.3)

_WEAK_RIDGE = 1e-6
_STEPS = 100


@dataclass(frozen=True)
class LengthControlled:
    """A win rate at equal length, its interval over prompts, and the slope that was found."""

    rate: float
    interval: Interval
    slope: float


def length_controlled_rate(
    scores: Sequence[float],
    lengths: Sequence[int],
    opponent_lengths: Sequence[int],
    *,
    seed: int,
    resamples: int = 500,
    prior: SlopePrior = PRIOR,
) -> LengthControlled:
    """`scores` in 0..1, lengths in characters. The interval is a percentile bootstrap over prompts.

    Where every prompt is won, or every one lost, no resample differs: there it is Wilson's, as for the raw rate.
    """
    targets = np.asarray(scores, dtype=float)
    gap = _relative_gap(lengths, opponent_lengths)
    whole = np.ones((1, len(targets)))
    intercepts, slopes = _fit(targets, gap, whole, prior)
    rate, slope = float(_logistic(intercepts)[0]), float(slopes[0])
    if set(scores) in ({0.0}, {1.0}):
        return LengthControlled(rate, wilson(round(sum(scores)), len(scores)), slope)
    if len(targets) < MIN_BOOTSTRAP_ROWS or not resamples:
        return LengthControlled(rate, UNBOUNDED, slope)
    even = np.full(len(targets), 1 / len(targets))
    draws = np.random.default_rng(seed).multinomial(len(targets), even, size=resamples).astype(float)
    rates = _logistic(_fit(targets, gap, draws, prior)[0])
    low, high = (float(bound) for bound in np.quantile(rates, [0.025, 0.975]))
    return LengthControlled(rate, Interval(low, high), slope)


def _relative_gap(lengths: Sequence[int], opponent_lengths: Sequence[int]) -> np.ndarray:
    own, other = np.asarray(lengths, dtype=float), np.asarray(opponent_lengths, dtype=float)
    gap: np.ndarray = np.tanh((own - other) / max(float(other.mean()), 1.0))
    return gap


def _fit(targets: np.ndarray, gap: np.ndarray, weights: np.ndarray, prior: SlopePrior) -> tuple[np.ndarray, np.ndarray]:
    """Intercept and slope at the posterior's mode for each row of `weights` (resamples x prompts), by Newton."""
    precision = 1 / prior.deviation**2
    intercept, slope = np.zeros(len(weights)), np.full(len(weights), prior.mean)
    for _ in range(_STEPS):
        chance = _logistic(intercept[:, None] + slope[:, None] * gap)
        residual = weights * (targets - chance)
        curvature = weights * chance * (1 - chance)
        first = residual.sum(1) - _WEAK_RIDGE * intercept
        second = residual @ gap - precision * (slope - prior.mean)
        a = curvature.sum(1) + _WEAK_RIDGE
        b, c = curvature @ gap, curvature @ gap**2 + precision
        determinant = a * c - b * b
        # Where all is won the intercept walks to infinity: steps stay short of overflow.
        step = np.clip((c * first - b * second) / determinant, -2, 2)
        slope_step = np.clip((a * second - b * first) / determinant, -2, 2)
        intercept, slope = np.clip(intercept + step, -30, 30), slope + slope_step
        if max(np.abs(step).max(), np.abs(slope_step).max()) < 1e-10:
            break
    return intercept, slope


def _logistic(values: np.ndarray) -> np.ndarray:
    result: np.ndarray = 1 / (1 + np.exp(-values))
    return result
