"""Signs of drift, by hand."""

import pytest

from sftctl.eval import drift
from sftctl.eval.behaviour_figures import confident_and_wrong


def test_rep_4_counts_four_word_runs_that_came_before():
    # 6 runs of 4 words, 3 of them new: a b c d, b c d a, c d a b, d a b c; then a b c d and b c d a again
    assert drift.repetition(["a", "b", "c", "d", "a", "b", "c", "d", "a"]) == pytest.approx(2 / 6)
    assert drift.repetition(["a"]) == 0.0


def test_the_same_opening_is_the_share_of_the_commonest_three_words():
    assert drift.same_opening(["I am sorry, no", "I am sorry. Yes", "Yes, I am"]) == pytest.approx(2 / 3)


def test_diversity_is_compared_at_the_same_number_of_words():
    signs = {sign.name: sign for sign in drift.text_signs(["a b c d e f g h"], ["a b a b"])}
    # 4 words of each: pairs ab bc cd, and ab ba ab
    assert (signs["distinct-2"].base, signs["distinct-2"].tuned) == (1.0, pytest.approx(2 / 3))
    assert (signs["vocabulary"].base, signs["vocabulary"].tuned) == (4, 2)
    assert signs["vocabulary"].notable


def test_answers_that_all_begin_alike_are_notable():
    base, tuned = [f"word{n} begins this" for n in range(10)], ["All begin alike here"] * 10
    signs = {sign.name: sign for sign in drift.text_signs(base, tuned)}
    assert (signs["same opening"].base, signs["same opening"].tuned, signs["same opening"].notable) == (0.1, 1.0, True)


@pytest.mark.parametrize(
    ("answer", "wrong"),
    [
        ("The fee is 7.", True),
        ("The fee is 5.", False),
        ("The fee is about 7.", False),
        ("I think it is 7.", False),
        ("There is a fee.", False),
        ("The fee is 7, not 5.", False),
    ],
)
def test_confident_and_wrong_is_a_wrong_figure_without_a_hedge(answer, wrong):
    assert confident_and_wrong(answer, "It is 5 crowns.") is wrong
    assert confident_and_wrong(answer, "It is free.") is None
