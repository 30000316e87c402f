"""Intervals and tests: figures by hand, from papers, and invariants."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sftctl import stats


def test_wilson_interval_of_published_example():
    # Newcombe (1998), Statistics in Medicine 17:857, table I, method 3: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
    for successes, trials, low, high in [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ]:
        interval = stats.wilson(successes, trials)
        assert (round(interval.low, 4), round(interval.high, 4)) == (low, high)


def test_wilson_interval_of_no_trials_is_everything():
    assert stats.wilson(0, 0) == stats.Interval(0.0, 1.0)


def test_mcnemar_is_the_exact_binomial():
    # 2 * P(X <= 1), X ~ Bin(8, 1/2): 2 * (1 + 8) / 256
    assert stats.mcnemar(7, 1) == pytest.approx(18 / 256)
    assert stats.mcnemar(0, 0) == 1.0
    assert stats.mcnemar(675, 593) == pytest.approx(0.0229, abs=5e-5)


def test_paired_difference_by_hand():
    paired = stats.paired_difference([1, 1, 0, 0], [1, 0, 1, 1])
    # differences 0 -1 1 1: mean .25, variance (1/16 + 25/16 + 9/16 + 9/16) / 3 = 44/48
    assert paired.difference == 0.25
    assert paired.standard_error == pytest.approx(math.sqrt(44 / 48 / 4))


def test_equal_sides_differ_by_exactly_zero():
    same = [0.3, 0.7, 0.1, 0.9, 0.2]
    assert stats.paired_difference(same, same).interval == stats.Interval(0.0, 0.0)
    bootstrap = stats.paired_bootstrap(same, same, [1] * 5, seed=1)
    assert (bootstrap.difference, bootstrap.interval, bootstrap.p) == (0.0, stats.Interval(0.0, 0.0), 1.0)


def test_a_single_item_has_no_bounds():
    assert stats.paired_difference([1.0], [0.0]).interval == stats.UNBOUNDED
    assert stats.paired_bootstrap([1.0], [2.0], [3], seed=0).interval == stats.UNBOUNDED


def test_tango_interval_without_discordant_items_is_closed_form():
    z2 = 1.959963984540054**2
    interval = stats.tango(0, 0, 50)
    assert interval.high == pytest.approx(z2 / (50 + z2))
    assert interval.low == pytest.approx(-z2 / (50 + z2))


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 60))
def test_tango_bounds_are_where_the_restricted_likelihood_says(lost, gained, same):
    items = lost + gained + same
    if items == 0:
        return
    interval = stats.tango(lost, gained, items)
    observed = (gained - lost) / items
    assert -1 <= interval.low <= observed <= interval.high <= 1
    mirrored = stats.tango(gained, lost, items)
    assert mirrored.low == pytest.approx(-interval.high, abs=1e-6)
    for bound in (interval.low, interval.high):
        if abs(bound) < 1:
            assert abs(_score_by_search(lost, gained, items, bound)) == pytest.approx(1.96, abs=2e-3)


def _score_by_search(lost: int, gained: int, items: int, difference: float) -> float:
    """The score statistic with the nuisance rate found by a search of the likelihood, not by Tango's formula."""

    def log_likelihood(rate: float) -> float:
        same = 1 - 2 * rate - difference
        terms = ((lost, rate), (gained, rate + difference), (items - lost - gained, same))
        return sum(count * math.log(max(p, 1e-300)) for count, p in terms if count)

    low, high = max(0.0, -difference), (1 - difference) / 2
    for _ in range(200):
        third = (high - low) / 3
        if log_likelihood(low + third) < log_likelihood(high - third):
            low += third
        else:
            high -= third
    rate = (low + high) / 2
    variance = items * (2 * rate + difference - difference**2)
    return (gained - lost - items * difference) / math.sqrt(max(variance, 1e-18))


def test_score_p_value_and_interval_agree_on_zero():
    base = [1] * 675 + [0] * 593 + [1] * 11075
    tuned = [0] * 675 + [1] * 593 + [1] * 11075
    paired = stats.paired_proportions(base, tuned)
    assert paired.difference * 100 == pytest.approx(-0.664, abs=5e-4)
    assert paired.standard_error * 100 == pytest.approx(0.288, abs=5e-4)
    assert paired.interval.high < 0
    assert paired.p < 0.05


def test_bootstrap_weighs_tokens_and_covers_the_true_difference():
    rng = random.Random(5)
    covered = 0
    for trial in range(100):
        tokens = [rng.randint(1, 60) for _ in range(80)]
        gaps = [rng.gauss(-0.2, 1.0) * count for count in tokens]
        paired = stats.paired_bootstrap([0.0] * 80, gaps, tokens, seed=trial, resamples=400)
        assert paired.difference == pytest.approx(sum(gaps) / sum(tokens))
        covered += paired.interval.low <= -0.2 <= paired.interval.high
    assert covered >= 88


def test_bootstrap_is_the_same_for_the_same_seed_and_any_chunk(monkeypatch):
    values = [random.Random(i).random() for i in range(50)]
    one = stats.paired_bootstrap([0.0] * 50, values, [1.0] * 50, seed=3)
    monkeypatch.setattr(stats, "_BOOTSTRAP_CELLS", 500)
    other = stats.paired_bootstrap([0.0] * 50, values, [1.0] * 50, seed=3)
    assert one.interval.low == pytest.approx(other.interval.low, abs=1e-12)
    assert one.interval.high == pytest.approx(other.interval.high, abs=1e-12)


def test_holm_by_hand():
    # sorted .01 .02 .04 -> .03, max(.03, .04), max(.04, .04)
    assert stats.holm([0.04, 0.01, 0.02]) == pytest.approx([0.04, 0.03, 0.04])
    assert stats.holm([]) == []


def test_sign_test_leaves_ties_out():
    assert stats.sign_test(5, 0) == pytest.approx(2 / 32)
    assert stats.sign_test(0, 0) == 1.0
