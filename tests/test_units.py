import pytest

from sftctl.units import cost_usd, data_size, dollars, duration, percent, share_at_least


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (42.4, "42 s"), (119.6, "2 min"), (600, "10 min"), (11_100, "3 h 05 min")],
)
def test_durations_in_words(seconds, words):
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("count", "words"),
    [(512, "512 B"), (1536, "2 KiB"), (95 * 2**20, "95 MiB"), (1.5 * 2**30, "1.50 GiB"), (80 * 2**30, "80.00 GiB")],
)
def test_sizes_in_binary_units(count, words):
    assert data_size(count) == words


def test_what_devices_cost():
    assert cost_usd(5400, 2.0, devices=2) == 6.0
    assert cost_usd(5400, None) is None


@pytest.mark.parametrize(("amount", "words"), [(None, "–"), (0.0, "$0.00"), (0.0042, "$0.0042"), (1234.5, "$1,234.50")])
def test_money_in_words(amount, words):
    assert dollars(amount) == words


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (0.12, "12 %"), (0.125, "12.5 %"), (0.0, "0 %"), (1.0, "100 %"), (0.0002, "0.02 %"), (0.9998, "99.98 %"),
        (None, "–"), (float("inf"), "–"),
    ],
)  # fmt: skip
def test_shares_in_percent(share, words):
    assert percent(share) == words


# 3 / 49 = 0.0612; 29 / 100 as a product, 0.29 * 100, would be less than 29; 3 / 500,000 = 0.000006.
@pytest.mark.parametrize(
    ("part", "whole", "share"), [(3, 49, 0.07), (29, 100, 0.29), (3, 500_000, 0.000006), (7, 7, 1.0), (0, 5, 0.0)]
)
def test_the_share_that_a_limit_must_have_is_rounded_up(part, whole, share):
    assert share_at_least(part, whole) == share
    assert part / whole <= share
