"""The story: what became better, worse and was forgotten, each only with its figures."""

from sftctl.eval.benchmark_figures import ItemScore, TaskScores, benchmark_figures
from sftctl.eval.config import DropGate
from sftctl.eval.judge.result import Estimate
from sftctl.eval.result import BehaviourFigure, Bounds, Difference, Gate, LossFigure, Rate
from sftctl.eval.story import Changes, story


def _behaviour(name, base, tuned, low, high, *, wanted=True):
    def rate(value):
        return Rate(value=value, rows=200, interval=Bounds(low=None, high=None))

    return BehaviourFigure(
        id=name,
        check="",
        wanted=wanted,
        base=rate(base),
        tuned=rate(tuned),
        difference=Difference(
            value=tuned - base, standard_error=None, interval=Bounds(low=low, high=high), p=1.0, items=200
        ),
        lost=0,
        gained=0,
        mcnemar_p=None,
        max_rate=None,
        min_rate=None,
        max_delta=None,
    )


def _loss(group, base, tuned):
    change = tuned - base
    return LossFigure(
        group=group,
        kind="role",
        rows=100,
        tokens=1000,
        base=base,
        tuned=tuned,
        base_perplexity=None,
        tuned_perplexity=1.0,
        difference=Difference(
            value=change, standard_error=0.001, interval=Bounds(low=change - 0.01, high=change + 0.01), p=0.0, items=100
        ),
    )


def _benchmark(name, base_right, tuned_right, of=1000):
    def scores(right):
        return [ItemScore(str(i), "prompt", float(i < right)) for i in range(of)]

    return benchmark_figures([TaskScores(name, "acc", of, scores(base_right), scores(tuned_right))], DropGate())[0]


def _general(verdict):
    return Gate(name="general loss", section="general", subject="general", verdict=verdict, message="")


BEHAVIOURS = (
    _behaviour("polite", 0.50, 0.52, -0.02, 0.06),
    _behaviour("apology", 0.975, 0.0, -0.99, -0.95, wanted=False),
    _behaviour("current", 0.0, 0.931, 0.90, 0.96),
    _behaviour("wrong", 0.024, 0.071, 0.019, 0.084, wanted=False),
)


def test_the_story_tells_what_changed_beyond_chance_and_what_was_kept():
    changes = Changes(
        BEHAVIOURS, [_benchmark("mmlu", 700, 702)], _loss("domain", 4.1, 0.2), _loss("general", 0.136, 0.132), {}
    )
    assert story(changes, [_general("pass")]) == {
        "better": "apology 97.5 % to 0 %, current 0 % to 93.1 %, held-out loss 4.100 to 0.200",
        "worse": "wrong 2.4 % to 7.1 %",
        "forgotten": "nothing; kept: mmlu 70.0 to 70.2 points, general loss 0.136 to 0.132",
    }


def test_what_dropped_is_named_before_what_cannot_be_told_and_what_held():
    benchmarks = [_benchmark("mmlu", 700, 600), _benchmark("arc", 20, 19, of=40), _benchmark("hellaswag", 500, 500)]
    told = story(Changes((), benchmarks, None, None, {}), ())
    assert told == {
        "better": "nothing beyond chance",
        "worse": "nothing beyond chance",
        "forgotten": "mmlu 70.0 to 60.0 points; not clear: arc 50.0 to 47.5 points; "
        "kept: hellaswag 50.0 to 50.0 points",
    }
    assert story(Changes((), benchmarks[1:2], None, None, {}), ())["forgotten"] == "not clear: arc 50.0 to 47.5 points"


def test_people_and_judge_are_told_first_where_they_prefer_a_side_beyond_chance():
    rates = {
        "the judge": Estimate(value=0.7, low=0.58, high=0.81, items=40),
        "people": Estimate(value=0.52, low=0.4, high=0.64, items=40),
    }
    told = story(Changes(BEHAVIOURS, (), None, None, rates), ())
    assert told["better"].startswith("preferred by the judge on 70 % of 40 prompts, apology 97.5 % to 0 %")
    assert "people" not in str(told)
    assert told["forgotten"] == "not measured: no benchmark, no general rows"


def test_a_long_story_names_the_three_largest_changes():
    many = [_behaviour(f"b{n}", 0.1, 0.1 + n / 10, 0.05, 0.9) for n in range(1, 6)]
    told = story(Changes(many, (), None, None, {}), ())
    assert told["better"] == "b5 10 % to 60 %, b4 10 % to 50 %, b3 10 % to 40 %, and 2 more"


def test_without_a_base_there_is_no_story():
    alone = BEHAVIOURS[0].model_copy(update={"base": None, "difference": None})
    assert story(Changes([alone], (), None, None, {}), ()) == {}
