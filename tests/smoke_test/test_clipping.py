"""What the check of gradients says of clipping: common and harmless, or so hard that the limit sets every step."""

from types import SimpleNamespace

import pytest

from sftctl.smoke_test.checks.loss import gradients
from sftctl.smoke_test.rehearsal import Step
from sftctl.train.config import TrainConfig


def check_of(norms, **train):
    rehearsal = SimpleNamespace(
        stopped_by=None,
        steps=[Step(1.0, norm, 1e-4, 1.0, 100) for norm in norms],
        plan=SimpleNamespace(steps=len(norms)),
    )
    recipe = SimpleNamespace(train=TrainConfig(warmup=0, **train))
    return gradients(SimpleNamespace(recipe=recipe, rehearsal=rehearsal))


def test_a_limit_far_below_every_gradient_is_a_warning_that_names_a_better_one():
    check = check_of([20.0] + [6.0, 8.0] * 6)
    assert (check.verdict, check.evidence) == (
        "warn",
        "gradient norm 8 in the median, 20 at most; 13 of 13 steps clipped to 1",
    )
    assert check.advice.endswith("set train.max_grad_norm=14 to cut outliers alone")  # 2 x 7, the first step left out


@pytest.mark.parametrize(
    ("norms", "train"),
    [
        ([2.0] * 20, {}),  # clipped always, and little
        ([8.0] * 19 + [0.9], {}),  # one step falls short of the limit
        ([8.0] * 6, {}),  # too few to tell
        ([8.0] * 20, {"max_grad_norm": 10}),
        ([8.0] * 20, {"max_grad_norm": 0}),
    ],
)
def test_other_clipping_is_no_warning(norms, train):
    assert check_of(norms, **train).verdict == "pass"


def test_without_a_limit_nothing_is_called_clipped():
    assert check_of([8.0] * 20, max_grad_norm=0).evidence == (
        "gradient norm 8 in the median, 8 at most; none is clipped"
    )
