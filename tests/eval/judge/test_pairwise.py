"""What the judge is shown, how its verdict is read, and what the verdicts add up to."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sftctl.eval.arena.agreement import cohen_kappa, fleiss_kappa
from sftctl.eval.judge.contest import Task
from sftctl.eval.judge.length_control import length_controlled_rate
from sftctl.eval.judge.pairwise import Pairing, ask_for_verdict, nonce_of, read_verdict, reason_of
from sftctl.eval.judge.result import Estimate
from sftctl.eval.judge.trust import rate_gate
from sftctl.eval.judge.win_rate import PromptVerdicts, reliability, win_rate


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        ("A is right. [[A]]", "A"),
        ("It says [[A]], which is a trick.\n[[B]]", "B"),
        ("[[ b ]]", "B"),
        ("Both. [[C]]", "tie"),
        ("Even. [[Tie]]", "tie"),
        ("[[A", None),
        ("[A]", None),
        ("A", None),
        ("", None),
        ("[[AB]] [[D]]", None),
        ("<think>[[A]]</think> B it is: [[B]] ", "B"),
    ],
)
def test_the_last_well_formed_verdict_counts(reply, verdict):
    assert read_verdict(reply) == verdict


def test_the_reason_is_what_stands_before_the_verdict():
    assert reason_of("B repeats itself. [[A]] was quoted.\n[[A]]") == "B repeats itself. [[A]] was quoted."


@given(st.text(), st.text())
def test_answers_come_back_whole_from_between_the_fences(first, second):
    nonce = nonce_of(17, "row", "tuned first")
    task = Task(id="row", turns=("What?",))
    _, shown = ask_for_verdict(Pairing(task, (first,), (second,)), nonce)
    fence = f"<<<{nonce}>>>"
    head, body, tail = shown["content"].split(fence) if fence not in first + second else ("", "", "")
    if body:
        assert (head, tail) == ("", "")
        turn = json.loads(body)["turns"][0]
        assert (turn["assistant_A"], turn["assistant_B"]) == (first, second)


def test_a_task_with_history_references_and_two_turns_is_shown_whole():
    task = Task(
        id="m1",
        turns=("Add 2 and 3.", "Double it."),
        history=({"role": "system", "content": "Be brief."},),
        references=("5", "10"),
        category="math",
    )
    instructions, shown = ask_for_verdict(Pairing(task, ("5", "10"), ("6", "12")), "ab12")
    assert "<<<ab12>>>" in instructions["content"]
    assert "Be brief." not in instructions["content"]
    assert json.loads(shown["content"].removeprefix("<<<ab12>>>").removesuffix("<<<ab12>>>")) == {
        "earlier_turns": [{"role": "system", "content": "Be brief."}],
        "reference_answers": ["5", "10"],
        "turns": [
            {"user": "Add 2 and 3.", "assistant_A": "5", "assistant_B": "6"},
            {"user": "Double it.", "assistant_A": "10", "assistant_B": "12"},
        ],
    }


def test_a_judge_that_always_names_the_first_gives_one_half_and_full_bias():
    verdicts = [PromptVerdicts("A", "A")] * 30
    found = win_rate([pair.score for pair in verdicts], seed=1)
    assert (found.rate.value, found.rate.low, found.rate.high, found.even) == (0.5, 0.5, 0.5, 30)
    trust = reliability(verdicts, refused=0, interrupted=0)
    assert (trust.position_bias, trust.swap_consistency) == (1.0, 0.0)


def test_scores_are_one_a_prompt_and_shares_count_single_verdicts():
    verdicts = [
        PromptVerdicts("A", "B"),  # tuned both times: 1
        PromptVerdicts("B", "A"),  # opponent both times: 0
        PromptVerdicts("A", "tie"),  # 0.75
        PromptVerdicts("tie", "tie"),  # 0.5
        PromptVerdicts("A", None),  # no score
    ]
    assert [pair.score for pair in verdicts] == [1, 0, 0.75, 0.5, None]
    found = win_rate([1, 0, 0.75, 0.5], seed=1)
    assert (found.won, found.even, found.lost, found.rate.value, found.rate.low) == (2, 1, 1, 0.5625, None)
    assert found.sign_test_p == 1.0  # 2 of 3: (1 + 3) / 8, two-sided
    assert found.standard_error == pytest.approx(math.sqrt((0.4375**2 + 0.5625**2 + 0.1875**2 + 0.0625**2) / 3 / 4))
    trust = reliability(verdicts, refused=1, interrupted=0)
    assert trust.position_bias == pytest.approx((4 - 2) / 6)  # A, A, A, A against B, B
    assert trust.swap_consistency == 3 / 4
    assert trust.tie_share == 3 / 9
    assert trust.unparsed_share == pytest.approx(1 / 10)


@pytest.mark.parametrize(
    ("rate", "verdict"),
    [
        (Estimate(value=0.7, low=0.6, high=0.8, items=40), "pass"),
        (Estimate(value=0.7, low=0.6, high=0.8, items=19), "weak pass"),
        (Estimate(value=0.55, low=0.45, high=0.65, items=40), "inconclusive"),
        (Estimate(value=0.4, low=0.3, high=0.49, items=40), "fail"),
        (Estimate(value=1.0, low=None, high=None, items=1), "inconclusive"),
    ],
)
def test_the_gate_looks_at_the_ends_of_the_interval(rate, verdict):
    assert rate_gate(rate, 0.5, "base")[0] == verdict


def test_ten_wins_of_ten_have_the_exact_sign_test():
    assert win_rate([1.0] * 10, seed=0).sign_test_p == 2 / 2**10


def test_equal_lengths_leave_the_rate_and_longer_answers_lower_it():
    scores = [1.0] * 60 + [0.0] * 40
    even = length_controlled_rate(scores, [100] * 100, [100] * 100, seed=0)
    assert even.rate == pytest.approx(0.6, abs=1e-6)
    assert even.slope == 1.0
    longer = length_controlled_rate(scores, [200] * 100, [100] * 100, seed=0)
    assert longer.interval.low < longer.rate < 0.45 < 0.6
    assert longer.rate < longer.interval.high


def test_all_won_is_no_overflow_and_no_certainty():
    found = length_controlled_rate([1.0] * 20, [50] * 20, [100] * 20, seed=0)
    assert 0.99 < found.rate <= 1
    assert found.interval.low == pytest.approx(1 / (1 + 1.959964**2 / 20))  # Wilson, 20 of 20


def test_kappas_by_hand():
    # 10 items, agreement 0.7; chance 0.5 * 0.6 + 0.5 * 0.4 = 0.5; kappa = 0.2 / 0.5.
    one, other = "yyyyynnnnn", "yyyyynnyyy"[:7] + "yyy"
    assert other == "yyyyynnyyy"
    # other: 8 y, 2 n; observed 0.7; chance 0.5 * 0.8 + 0.5 * 0.2 = 0.5.
    assert cohen_kappa(one, other) == pytest.approx(0.4)
    assert cohen_kappa("aaa", "aaa") == 1.0
    # Two items, three raters: aab and bbb. P = (1/3 + 1) / 2 = 2/3; p_a = 1/3, p_b = 2/3: chance 5/9.
    assert fleiss_kappa(["aab", "bbb"]) == pytest.approx((2 / 3 - 5 / 9) / (4 / 9))
    with pytest.raises(ValueError, match="same number"):
        fleiss_kappa(["ab", "abc"])
