"""Win rate with its interval and exact test, and how far a judge's verdicts can be trusted."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sftctl import stats
from sftctl.eval.judge.pairwise import ORDERS, Verdict, mean_score, score_for_tuned
from sftctl.eval.judge.result import Estimate, Reliability, WinRate


@dataclass(frozen=True)
class PromptVerdicts:
    """Verdicts on one prompt, tuned shown first and tuned shown second; None where no verdict could be read."""

    tuned_first: Verdict | None
    tuned_second: Verdict | None

    @property
    def scores(self) -> tuple[float, ...]:
        """The tuned model's score in each order that has a verdict."""
        both = zip((self.tuned_first, self.tuned_second), ORDERS, strict=True)
        return tuple(score_for_tuned(verdict, order) for verdict, order in both if verdict is not None)

    @property
    def score(self) -> float | None:
        """One score a prompt; None unless both orders have a verdict, since one alone carries the position bias."""
        return mean_score(self.scores) if len(self.scores) == len(ORDERS) else None


def estimate(values: Sequence[float], *, seed: int, resamples: int = 2000) -> Estimate:
    """Mean of shares with a percentile bootstrap interval over items.

    Where every item is 1, or every item is 0, no resample differs and the bootstrap would claim certainty: there it
    is Wilson's interval.
    """
    if len(set(values)) == 1 and values[0] in (0.0, 1.0):
        return bounded(values[0], stats.wilson(round(sum(values)), len(values)), len(values))
    interval = stats.bootstrap_interval(values, [1.0] * len(values), seed=seed, resamples=resamples)
    return bounded(math.fsum(values) / len(values), interval, len(values))


def bounded(value: float, interval: stats.Interval, items: int) -> Estimate:
    """An infinite bound becomes null."""
    low, high = interval.low, interval.high
    return Estimate(
        value=value, low=low if math.isfinite(low) else None, high=high if math.isfinite(high) else None, items=items
    )


def win_rate(scores: Sequence[float], *, seed: int, resamples: int = 2000) -> WinRate:
    """Scores are 0..1, one a prompt. The sign test counts prompts above and below one half. At least one score."""
    won, lost = sum(score > 0.5 for score in scores), sum(score < 0.5 for score in scores)
    return WinRate(
        rate=estimate(scores, seed=seed, resamples=resamples),
        standard_error=standard_error(scores),
        won=won,
        even=len(scores) - won - lost,
        lost=lost,
        sign_test_p=stats.sign_test(won, lost),
    )


def standard_error(values: Sequence[float]) -> float | None:
    """Of the mean; None below two values."""
    if len(values) < 2:
        return None
    return float(np.std(np.asarray(values, dtype=float), ddof=1) / math.sqrt(len(values)))


def reliability(verdicts: Sequence[PromptVerdicts], *, refused: int, interrupted: int) -> Reliability:
    """Position bias over single verdicts, swap consistency over prompts with two; 0 where there is none to count."""
    single = [v for pair in verdicts for v in (pair.tuned_first, pair.tuned_second)]
    parsed = [verdict for verdict in single if verdict is not None]
    first, second = parsed.count("A"), parsed.count("B")
    whole = [pair.scores for pair in verdicts if pair.score is not None]
    consistent = sum(scores[0] == scores[1] for scores in whole)
    return Reliability(
        position_bias=(first - second) / (first + second) if first + second else 0.0,
        swap_consistency=consistent / len(whole) if whole else 0.0,
        tie_share=parsed.count("tie") / len(parsed) if parsed else 0.0,
        unparsed_share=1 - len(parsed) / len(single) if single else 0.0,
        refused=refused,
        interrupted=interrupted,
    )
