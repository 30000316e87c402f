"""What the check of a falling loss advises where the run is too short for a trend: the key that makes it longer."""

from types import SimpleNamespace

import pytest

from sftctl.smoke_test.checks.loss import falling
from sftctl.smoke_test.rehearsal import Step
from sftctl.train.config import TrainConfig


@pytest.mark.parametrize(
    ("ended_by_max_steps", "advice"),
    [
        (True, "the whole run is that short: raise train.max_steps"),
        (False, "the whole run is that short: lower train.batch_size, or raise train.epochs"),
    ],
)
def test_a_short_run_is_lengthened_by_the_key_that_ends_it(ended_by_max_steps, advice):
    plan = SimpleNamespace(steps=4, ended_by_max_steps=ended_by_max_steps)
    rehearsal = SimpleNamespace(steps=[Step(1.0, 1.0, 1e-4, 1.0, 100)] * 4, plan=plan, full_plan=plan)
    recipe = SimpleNamespace(train=TrainConfig(warmup=0))
    check = falling(SimpleNamespace(recipe=recipe, rehearsal=rehearsal, after=None))
    assert (check.evidence, check.advice) == ("3 steps behind the warm-up are too few for a trend", advice)
