"""How a number is written."""

import pytest

from sftctl.report.figures import figure, shortest


@pytest.mark.parametrize(("value", "written"), [(-4e-9, "0"), (-0.25, "−0.25"), (1234.5, "1,234.5"), (None, "–")])
def test_a_difference_that_rounds_to_zero_has_no_sign(value, written):
    assert shortest(value, 6) == written


def test_digits_are_fixed():
    assert (figure(-0.0004, 3), figure(-0.0006, 3)) == ("0.000", "−0.001")
