import math
import random

import pytest

from sftctl.smoke_test.trend import trend


def test_ten_falling_points_by_hand():
    # Every one of 45 pairs falls: S = -45; variance 10 * 9 * 25 / 18 = 125; z = (-45 + 1) / sqrt(125) = -3.9355
    found = trend([float(10 - i) for i in range(10)])
    assert found.slope == -1.0
    assert found.falls == pytest.approx(0.5 * math.erfc(3.93548 / math.sqrt(2)), rel=1e-4)
    assert found.rises == pytest.approx(1 - found.falls)


def test_ties_shrink_the_variance_as_kendall_says():
    # 3, 3, 2, 2, 1: S = -8 (two pairs tie); variance (5*4*15 - 2 * 2*1*9) / 18 = 264 / 18; z = -7 / 3.8297 = -1.8278
    found = trend([3.0, 3.0, 2.0, 2.0, 1.0])
    assert found.falls == pytest.approx(0.5 * math.erfc(1.82782 / math.sqrt(2)), rel=1e-3)


def test_one_spike_does_not_hide_a_fall():
    losses = [3 - 0.02 * i for i in range(60)]
    losses[55] = 400.0
    assert trend(losses).falls < 0.001


def test_noise_without_a_trend_is_called_falling_in_one_case_of_twenty():
    rng = random.Random(4)
    falls = sum(trend([rng.gauss(2, 0.3) for _ in range(40)]).falls < 0.05 for _ in range(400))
    # 20 expected; binomial standard deviation 4.4
    assert 7 <= falls <= 33


@pytest.mark.parametrize("series", [[], [1.0, 0.5, 0.2], [1.0, math.nan, 0.5, 0.2, 0.1], [2.0] * 9])
def test_nothing_is_claimed_without_evidence(series):
    found = trend(series)
    assert (found.falls, found.rises) == (1.0, 1.0)
