"""Strengths of three or more models from pairwise outcomes: Bradley and Terry (1952)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sftctl.stats import MIN_BOOTSTRAP_ROWS, UNBOUNDED, Interval

_STEPS = 200
_RIDGE = 1e-2
"""Weight that holds strengths of models which always win or lose near enough to be finite; a hundredth of a vote."""


@dataclass(frozen=True, slots=True)
class Match:
    """`score` for `left` against `right` on one prompt, 0..1; a tie is 0.5."""

    prompt: str
    left: str
    right: str
    score: float


@dataclass(frozen=True)
class Rated:
    """Chance of a model to beat an average one, and its interval."""

    model: str
    chance: float
    interval: Interval


def strengths(outcomes: Sequence[Match], models: Sequence[str], *, seed: int, resamples: int = 300) -> list[Rated]:
    """Best first. The interval is a percentile bootstrap over prompts."""
    index = {model: number for number, model in enumerate(models)}
    left = np.array([index[outcome.left] for outcome in outcomes])
    right = np.array([index[outcome.right] for outcome in outcomes])
    score = np.array([outcome.score for outcome in outcomes])
    prompts = sorted({outcome.prompt for outcome in outcomes})
    position = {prompt: number for number, prompt in enumerate(prompts)}
    prompt_of = np.array([position[outcome.prompt] for outcome in outcomes])

    def fitted(weights: np.ndarray) -> np.ndarray:
        return _chances(_wins(left, right, score, weights, len(models)))

    whole = fitted(np.ones(len(outcomes)))
    intervals = [UNBOUNDED] * len(models)
    if len(prompts) >= MIN_BOOTSTRAP_ROWS:
        rng = np.random.default_rng(seed)
        draws = rng.multinomial(len(prompts), np.full(len(prompts), 1 / len(prompts)), size=resamples)
        sampled = np.array([fitted(draw[prompt_of].astype(float)) for draw in draws])
        bounds = np.quantile(sampled, [0.025, 0.975], axis=0)
        intervals = [Interval(float(low), float(high)) for low, high in bounds.T]
    rated = [Rated(model, float(whole[i]), intervals[i]) for i, model in enumerate(models)]
    return sorted(rated, key=lambda item: -item.chance)


def _wins(left: np.ndarray, right: np.ndarray, score: np.ndarray, weights: np.ndarray, models: int) -> np.ndarray:
    """wins[i, j]: how often i was preferred to j, ties as halves."""
    wins = np.zeros((models, models))
    np.add.at(wins, (left, right), weights * score)
    np.add.at(wins, (right, left), weights * (1 - score))
    return wins


def _chances(wins: np.ndarray) -> np.ndarray:
    """Newton's steps on the log-strengths, which add up to 0; then each model's chance against strength 0."""
    strength = np.zeros(len(wins))
    games = wins + wins.T
    for _ in range(_STEPS):
        chance = 1 / (1 + np.exp(strength[None, :] - strength[:, None]))
        gradient = (wins - games * chance).sum(1) - _RIDGE * strength
        curvature = games * chance * (1 - chance)
        hessian = np.diag(curvature.sum(1) + _RIDGE) - curvature
        step = np.clip(np.linalg.solve(hessian, gradient), -2, 2)
        strength = strength + step
        strength = strength - strength.mean()
        if np.abs(step).max() < 1e-10:
            break
    chances: np.ndarray = 1 / (1 + np.exp(-strength))
    return chances
