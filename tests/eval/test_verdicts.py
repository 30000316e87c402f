"""The five verdicts, the gates on rates, and what settles an open question."""

import collections
import gzip
import json
import os
import random
from pathlib import Path

import pytest

from sftctl.errors import UsageError
from sftctl.eval import verdicts
from sftctl.eval.benchmark_figures import ItemScore, TaskScores, benchmark_figures, benchmark_gate
from sftctl.eval.config import DropGate, LossGate
from sftctl.eval.intervals import rate_of
from sftctl.eval.result import BehaviourFigure, Bounds, Difference, LossFigure

needs_data = pytest.mark.skipif("SFTCTL_TEST_DATA" not in os.environ, reason="needs SFTCTL_TEST_DATA")


def _difference(value, low, high, items=1000):
    return Difference(value=value, standard_error=1.0, interval=Bounds(low=low, high=high), p=0.5, items=items)


@pytest.mark.parametrize(
    ("value", "low", "high", "verdict"),
    [
        (-8.0, -11.0, -5.0, "fail"),
        (-5.0, -9.0, -0.1, "fail"),
        (-5.0, -12.0, 2.0, "inconclusive"),
        (-3.0, -4.5, -1.5, "investigate"),
        (-0.66, -1.23, -0.10, "pass"),
        (3.0, 1.0, 5.0, "pass"),
        (0.0, -1.9, 1.9, "pass"),
        (-0.5, -4.0, 3.0, "weak pass"),
        (-0.5, -6.0, 5.0, "inconclusive"),
        (-1.5, -2.9, -0.1, "inconclusive"),
        (0.0, None, None, "inconclusive"),
    ],
)
def test_five_verdicts_on_a_drop(value, low, high, verdict):
    difference = _difference(value, low, high)
    significant = high is not None and high < 0
    assert verdicts.drop_verdict(difference, 2, 5, significant=significant) == verdict


def test_a_drop_that_holm_takes_back_is_no_fail():
    assert verdicts.drop_verdict(_difference(-6.0, -11.0, -1.0), 2, 5, significant=False) == "inconclusive"


def test_items_to_settle_shrink_the_interval_to_the_nearest_limit():
    # half-width 5 must become 1.5, from -0.5 to -2: 100 * (5 / 1.5)**2 = 1111.1
    assert verdicts.items_to_settle(_difference(-0.5, -5.5, 4.5, items=100), 2) == 1113
    assert verdicts.items_to_settle(_difference(-1.95, -5.5, 4.5, items=100), 2) is None
    assert verdicts.items_to_settle(_difference(0.0, None, None, items=1), 2) is None


@pytest.mark.parametrize(
    ("shown", "of", "verdict"),
    [(0, 800, "pass"), (0, 50, "weak pass"), (0, 19, "inconclusive"), (2, 50, "investigate"), (5, 50, "fail")],
)
def test_a_rate_gate_says_what_the_interval_allows(shown, of, verdict):
    figure = BehaviourFigure(
        id="no-apology",
        check="preset",
        wanted=False,
        base=None,
        tuned=rate_of([1.0] * shown + [0.0] * (of - shown), binary=True),
        difference=None,
        lost=0,
        gained=0,
        mcnemar_p=None,
        max_rate=0.02,
        min_rate=None,
        max_delta=0.1,
    )
    (gate,) = verdicts.behaviour_gates(figure)
    assert gate.verdict == verdict
    assert (gate.name, gate.subject, gate.limits) == ("no-apology: at most 2 %", "no-apology", {"max_rate": 0.02})


def test_a_rise_over_the_base_is_told_in_points():
    figure = BehaviourFigure(
        id="no-apology",
        check="preset",
        wanted=False,
        base=rate_of([0.0] * 200, binary=True),
        tuned=rate_of([1.0] * 14 + [0.0] * 186, binary=True),
        difference=_difference(0.07, 0.04, 0.11, items=200),
        lost=14,
        gained=0,
        mcnemar_p=None,
        max_rate=None,
        min_rate=None,
        max_delta=0.05,
    )
    (gate,) = verdicts.behaviour_gates(figure)
    assert (gate.name, gate.verdict) == ("no-apology: at most 5 points worse than the base", "investigate")
    assert gate.message == "+7.0 (95 %: +4.0 to +11.0) points on 200 answers"


@pytest.mark.parametrize(("value", "verdict"), [(0.3, "fail"), (0.1, "investigate"), (0.01, "pass"), (-0.5, "pass")])
def test_a_rise_of_the_general_loss_is_judged_as_a_drop(value, verdict):
    difference = _difference(value, value - 0.005, value + 0.005)
    figure = LossFigure(
        group="general",
        kind="role",
        rows=100,
        tokens=1000,
        base=1.0,
        tuned=1.0 + value,
        base_perplexity=1.0,
        tuned_perplexity=1.0,
        difference=difference,
    )
    gate = verdicts.general_gate(figure, LossGate())
    assert gate is not None
    assert gate.verdict == verdict
    assert (gate.subject, gate.limits) == ("general", {"investigate_nats": 0.05, "fail_nats": 0.2})


def test_a_benchmarks_gate_holds_the_recipes_limits():
    figure = _figure(_scores([1] * 40), _scores([1] * 40))
    gate = benchmark_gate(figure, DropGate(investigate_points=1.5, fail_points=4))
    assert (gate.subject, gate.limits) == ("mmlu", {"investigate_points": 1.5, "fail_points": 4})


def test_nothing_measured_is_inconclusive():
    assert verdicts.worst([]) == "inconclusive"
    assert verdicts.headline([]) == "inconclusive: nothing was measured"


def _scores(values, prompt="p"):
    return [ItemScore(str(number), prompt, float(value)) for number, value in enumerate(values)]


def _figure(base, tuned, **more):
    return benchmark_figures([TaskScores("mmlu", "acc", len(base), base, tuned, **more)], DropGate())[0]


def test_a_prompt_that_differs_between_the_sides_is_refused():
    with pytest.raises(UsageError, match="2 prompts differ between base and tuned"):
        _figure(_scores([1, 0]), _scores([1, 0], prompt="<chat>p"))
    with pytest.raises(UsageError, match="not scored on the same items"):
        _figure(_scores([1, 0]), _scores([1]))


def test_equal_log_likelihoods_pass_however_few():
    same = [ItemScore("a", "p", 1.0, (-1.5, -2.0))]
    figure = _figure(same, same)
    assert (figure.verdict, figure.difference.value, figure.difference.interval.high) == ("pass", 0.0, 0.0)
    # Equal scores alone of one item say nothing.
    assert _figure(_scores([1]), _scores([1])).verdict == "inconclusive"


def test_holm_takes_back_a_drop_among_many_tasks():
    base, tuned = _scores([1] * 12 + [0] * 88), _scores([0] * 9 + [1] * 3 + [0] * 86 + [1] * 2)
    alone = benchmark_figures([TaskScores("a", "acc", 100, base, tuned)], DropGate())[0]
    assert alone.verdict == "fail"
    others = [TaskScores(str(number), "acc", 100, base, base) for number in range(9)]
    among = benchmark_figures([TaskScores("a", "acc", 100, base, tuned), *others], DropGate())[0]
    assert among.adjusted_p == pytest.approx(10 * alone.adjusted_p)
    assert among.verdict == "inconclusive"


@pytest.fixture(scope="module")
def checkpoints():
    """Right or wrong by checkpoint and item of a real fine-tune."""
    right = collections.defaultdict(dict)
    path = Path(os.environ["SFTCTL_TEST_DATA"]) / "data" / "benchmarks" / "finetune_mmlu_predictions.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for row in map(json.loads, file):
            right[row["ckpt"]][row["subject"], row["i"]] = float("ABCD".find(row["pred"]) == int(row["answer"]))
    items = sorted(right[0])
    return {step: [values[item] for item in items] for step, values in right.items()}


@needs_data
def test_a_real_fine_tune_lost_two_thirds_of_a_point_and_passes(checkpoints):
    figure = _figure(_scores(checkpoints[0]), _scores(checkpoints[200]))
    assert figure.items == 12343
    assert figure.difference.value == pytest.approx(-0.664, abs=5e-4)
    assert figure.difference.standard_error == pytest.approx(0.288, abs=5e-4)
    assert (figure.lost, figure.gained) == (675, 593)
    assert figure.mcnemar_p == pytest.approx(0.0229, abs=5e-5)
    assert figure.verdict == "pass"
    earlier = _figure(_scores(checkpoints[0]), _scores(checkpoints[50]))
    assert earlier.mcnemar_p == pytest.approx(0.391, abs=5e-4)


@needs_data
def test_a_planted_drop_of_eight_points_fails_at_500_items(checkpoints):
    base = checkpoints[0]
    right = [number for number, value in enumerate(base) if value]
    verdict = collections.Counter()
    for seed in range(100):
        rng = random.Random(seed)
        planted = list(base)
        for number in rng.sample(right, round(0.08 * len(base))):
            planted[number] = 0.0
        chosen = rng.sample(range(len(base)), 500)
        verdict[_figure(_scores([base[i] for i in chosen]), _scores([planted[i] for i in chosen])).verdict] += 1
    assert verdict["fail"] >= 97


@needs_data
def test_a_small_true_drop_at_100_items_is_never_a_bare_pass_or_fail(checkpoints):
    verdict = collections.Counter()
    for seed in range(100):
        chosen = random.Random(seed).sample(range(12343), 100)
        figure = _figure(*(_scores([checkpoints[step][i] for i in chosen]) for step in (0, 200)))
        verdict[figure.verdict] += 1
        assert figure.difference.interval.high - figure.difference.interval.low > 3
        assert "points on 100 items" in benchmark_gate(figure, DropGate()).message
        assert "(95 %: " in benchmark_gate(figure, DropGate()).message
    # Measured: 75 inconclusive, 13 weak pass, 9 pass, 3 fail; a 95 % interval is wrong on the bad side 2.5 in 100.
    assert verdict["inconclusive"] + verdict["weak pass"] >= 80
    assert verdict["fail"] <= 5
