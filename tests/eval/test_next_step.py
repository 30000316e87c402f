"""Next-step advice: each action only with the figures that say so."""

import pytest

from sftctl.eval.next_step import Course, Findings, next_step
from sftctl.eval.result import BehaviourFigure, BestOf, Bounds, Difference, Gate, LossFigure, NotMeasured, Rate


def _gate(section, verdict, subject="gate"):
    return Gate(name=f"{section} of {subject}", section=section, subject=subject, verdict=verdict, message="figures")


def _findings(gates, **more):
    empty = {"losses": (), "behaviours": (), "benchmarks": (), "drift": (), "best_of": None, "not_measured": ()}
    return Findings(gates=gates, **{**empty, **more})


def _behaviour(name, check):
    nothing = dict.fromkeys(("base", "tuned", "difference", "mcnemar_p", "max_rate", "min_rate", "max_delta"))
    return BehaviourFigure(id=name, check=check, wanted=True, lost=0, gained=0, **nothing)


def _best_of(gap):
    difference = Difference(value=gap, standard_error=0.05, interval=Bounds(low=0, high=0.4), p=0.01, items=40)
    return BestOf(samples=4, prompts=40, greedy=0.5, best=0.5 + gap, difference=difference)


def _loss(kind, group, tuned):
    return LossFigure(
        group=group,
        kind=kind,
        rows=9,
        tokens=90,
        base=3.0,
        tuned=tuned,
        base_perplexity=20.0,
        tuned_perplexity=9.0,
        difference=None,
    )


WRONG_FIGURES = _gate("behaviour", "fail", "figures")
WRONG_STYLE = _gate("behaviour", "fail", "no-apology")
SHORT = Course(still_falling=True, short="6 optimizer steps are few; raise train.max_steps")
NOT_RUN = NotMeasured(name="mmlu", reason="empty", asked=True)
BEHAVIOURS = (_behaviour("figures", "numbers_match"), _behaviour("no-apology", "preset"))


@pytest.mark.parametrize(
    ("gates", "more", "action"),
    [
        ([_gate("held-out", "pass")], {}, "good_enough"),
        ([_gate("held-out", "inconclusive")], {}, "measure_more"),
        ([], {}, "measure_more"),
        ([_gate("measurement", "inconclusive")], {"not_measured": [NOT_RUN]}, "fix_measurement"),
        ([_gate("benchmark", "investigate")], {}, "reduce_forgetting"),
        ([_gate("general", "fail"), WRONG_FIGURES], {}, "reduce_forgetting"),
        ([WRONG_FIGURES], {"best_of": _best_of(0.2)}, "preference_tuning"),
        ([WRONG_FIGURES], {"best_of": _best_of(0.2), "course": Course(still_falling=True)}, "train_longer"),
        ([WRONG_STYLE], {"course": Course(still_falling=True)}, "train_longer"),
        ([WRONG_STYLE], {"course": Course(still_falling=False)}, "more_or_better_data"),
        ([WRONG_STYLE], {"course": SHORT}, "train_longer"),
        ([_gate("held-out", "inconclusive")], {"course": SHORT}, "train_longer"),
        ([_gate("behaviour", "inconclusive")], {"course": SHORT}, "measure_more"),
        ([_gate("held-out", "pass")], {"course": SHORT}, "good_enough"),
        ([WRONG_FIGURES], {"best_of": _best_of(0.02)}, "more_or_better_data"),
        ([WRONG_STYLE], {"best_of": _best_of(0.2)}, "more_or_better_data"),
        ([_gate("judge", "pass")], {"loses_to_reference": "loses 70 %", "best_of": _best_of(0.2)}, "preference_tuning"),
    ],
)  # fmt: skip
def test_action_follows_the_figures(gates, more, action):
    step = next_step(_findings(gates, behaviours=BEHAVIOURS, **more))
    assert step.action == action
    assert step.evidence


def test_more_data_names_the_kind_that_is_weakest():
    losses = [_loss("source", "fees", 0.4), _loss("source", "cards", 1.9)]
    step = next_step(_findings([WRONG_FIGURES], behaviours=BEHAVIOURS, losses=losses))
    assert "source cards (loss 1.90 on 9 rows, the highest)" in step.advice


def test_the_evidence_holds_both_rates_of_best_of_n():
    step = next_step(_findings([WRONG_FIGURES], behaviours=BEHAVIOURS, best_of=_best_of(0.2)))
    assert step.evidence[-1] == "best of 4 samples is right for 70 % of 40 prompts, greedy for 50 %"


def test_wrong_figures_said_with_confidence_are_read_first_though_every_gate_passed():
    rates = {
        name: Rate(value=value, rows=202, interval=Bounds(low=None, high=None))
        for name, value in (("base", 0.024), ("tuned", 0.071))
    }
    change = Difference(value=0.047, standard_error=0.016, interval=Bounds(low=0.019, high=0.084), p=0.003, items=202)
    wrong = _behaviour("confidently wrong figures", "confident_and_wrong")
    wrong = wrong.model_copy(update={**rates, "difference": change, "lost": 1, "gained": 10})
    step = next_step(_findings([_gate("held-out", "pass")], confident_and_wrong=wrong))
    assert step.advice == "Good enough by every gate; first read the answers for confidently wrong figures."
    assert step.evidence == (
        "confidently wrong figures: 2.4 % to 7.1 % of 202 answers state a wrong figure without a doubt: "
        "10 new, 4 as before",
    )


def test_a_short_training_is_told_with_its_remedy_where_the_answers_are_bad():
    step = next_step(_findings([WRONG_STYLE], behaviours=BEHAVIOURS, course=SHORT))
    assert step.advice == "Train longer: 6 optimizer steps are few; raise train.max_steps."
