"""What a stand-in of another model may fail at, and what not."""

import pytest

from sftctl.smoke_test.checks import listing
from sftctl.smoke_test.result import Check


@pytest.mark.parametrize(
    ("name", "advice", "verdict"),
    [
        ("loss.learning_rate", "stuck: try train.learning_rate=0.0001, or train.epochs higher", "skipped"),
        ("loss.learning_rate", "diverging: try train.learning_rate=0.0001", "fail"),
        ("loss.falling", "the loss rises: lower train.learning_rate", "skipped"),
        ("loss.finite", "lower train.learning_rate", "fail"),
    ],
)
def test_a_stand_in_that_learns_nothing_fails_nothing_and_one_that_breaks_does(name, advice, verdict):
    check = Check(name=name, verdict="fail", evidence="9.9 before, 9.9 after", advice=advice)
    assert listing._unjudged(check).verdict == verdict
