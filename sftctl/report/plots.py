"""The pictures of the page, drawn from results."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sftctl.eval.judge.result import Estimate
from sftctl.eval.result import Bounds, EvalResult
from sftctl.report import figures, view
from sftctl.report.charts import Point, forest, loss_curves
from sftctl.report.results import Results


def draw(results: Results) -> view.Plots:
    """All that there are figures for."""
    result = results.eval
    # A later attempt at training has written over the steps of the result.
    shown = results.train is not None and results.manifest.attempt("train") is None
    curves = _curves(results.metrics, results.train.chosen_step) if results.train and shown else ""
    if result is None:
        return view.Plots(curves)
    return view.Plots(curves, _behaviours(result), _benchmarks(result), _win_rates(result))


def _curves(metrics: Sequence[Mapping[str, Any]], chosen_step: int) -> str:
    """Training and held-out loss over the steps."""
    train = [(line["step"], line["loss"]) for line in metrics if "loss" in line]
    evaluations = [line["held_out"] for line in metrics if "held_out" in line]
    roles = sorted({role for evaluation in evaluations for role in evaluation["by_role"]})
    held_out = {
        role: [(each["step"], each["by_role"][role]) for each in evaluations if role in each["by_role"]]
        for role in roles
    }
    if not train and not evaluations:
        return ""
    return loss_curves(train, held_out, chosen_step)


def _benchmarks(result: EvalResult) -> str:
    """Benchmarks as differences in points, with the recipe's lines past which a drop is investigated or fails."""
    points = [
        Point(item.id, item.difference.value, item.difference.interval, figures.tone(item.verdict))
        for item in result.benchmarks
    ]
    lines = [(-limit, figures.signed(-limit, None)) for limit in sorted(set(view.benchmark_limits(result).values()))]
    return forest(points, lines, "points, tuned minus base") if points else ""


def _behaviours(result: EvalResult) -> str:
    """Behaviours as differences in percentage points."""
    points = [
        Point(item.id, 100 * item.difference.value, _percent(item.difference.interval), view.direction(item))
        for item in result.behaviours
        if item.difference is not None
    ]
    return forest(points, [], "percentage points of the answers, tuned minus base") if points else ""


def _percent(bounds: Bounds) -> Bounds:
    low, high = (None if end is None else 100 * end for end in (bounds.low, bounds.high))
    return Bounds(low=low, high=high)


def _win_rates(result: EvalResult) -> str:
    """Win rates as points above even, raw beside length-controlled, judge beside people; empty without either."""
    points = list(_points(result))
    return forest(points, [], "points above even (right: tuned is preferred)") if points else ""


def _points(result: EvalResult) -> Iterator[Point]:
    if result.judge is not None:
        doubt = "warn" if result.judge.warnings else ""
        yield _point("judge", result.judge.win_rate.rate, doubt)
        yield _point("judge, equal length", result.judge.length_controlled, doubt)
    if result.arena is not None and result.arena.win_rate is not None:
        yield _point("people", result.arena.win_rate.rate, "")


def _point(label: str, rate: Estimate, doubt: str) -> Point:
    low, high = ((None if bound is None else 100 * bound - 50) for bound in (rate.low, rate.high))
    tone = doubt or ("good" if low is not None and low > 0 else "bad" if high is not None and high < 0 else "")
    return Point(label, 100 * rate.value - 50, Bounds(low=low, high=high), tone)
