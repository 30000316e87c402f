import pytest

from sftctl.units import data_size, duration


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
