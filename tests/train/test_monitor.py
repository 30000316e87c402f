"""Early stopping, the best step, overfitting, forgetting and spikes, from given losses."""

import math

import pytest

from sftctl.train.config import EarlyStopping, ForgettingBudget
from sftctl.train.monitor import Progress, is_spike, overfitting_of, with_held_out, with_train_loss
from sftctl.train.result import HeldOutLoss


def after(losses, early_stopping=None, budget=None, general=None) -> Progress:
    progress = Progress()
    for number, loss in enumerate(losses):
        roles = {"domain": loss} | ({"general": general[number]} if general else {})
        measured = HeldOutLoss(step=10 * number, epoch=number, loss=loss, by_role=roles)
        progress = with_held_out(progress, measured, early_stopping, budget)
        if progress.stopped:
            break
    return progress


def test_patience_counts_evaluations_that_do_not_beat_the_last_counted_best():
    # Falls of 0.04 each: none counts alone against 1.0 by 0.1, until 0.88 does.
    progress = after([1.0, 0.96, 0.92, 0.88, 0.84], EarlyStopping(patience=3, min_delta=0.1))
    assert (progress.stopped, progress.counted_best, progress.best_step) == (None, 0.88, 40)
    stopped = after([1.0, 0.96, 0.92, 0.88, 0.84], EarlyStopping(patience=2, min_delta=0.1))
    assert (stopped.stopped, stopped.best_step, stopped.best_loss) == ("stopped_early", 20, 0.92)


def test_the_best_step_is_the_lowest_loss_ever_and_never_step_0():
    progress = after([0.5, 0.9, 0.7, 0.69999, 0.8])
    assert (progress.best_step, progress.best_loss) == (30, 0.69999)


def test_a_budget_warns_once_and_goes_on_or_stops():
    general = [1.0, 1.05, 1.2, 1.1, 1.4]
    warned = after([3, 2, 1, 0.9, 0.8], budget=ForgettingBudget(max_rise=0.15), general=general)
    assert (warned.budget_exceeded_at, warned.stopped) == (20, None)
    stopped = after([3, 2, 1, 0.9, 0.8], budget=ForgettingBudget(max_rise=0.15, action="stop"), general=general)
    assert (stopped.budget_exceeded_at, stopped.stopped) == (20, "budget_stopped")


@pytest.mark.parametrize(
    ("kept", "ending"),
    [
        (
            20,
            "the weights kept are those of step 20. More rows may let it fall further; with these, "
            "set train.epochs to 2.",
        ),
        (
            30,
            "the weights kept are the last ones, of step 30: the better ones are lost. "
            "Set train.epochs to 2 and train again with --overwrite.",
        ),
    ],
)
def test_one_sentence_says_where_the_held_out_loss_turned_and_which_weights_are_kept(kept, ending):
    progress = after([1.0, 0.8, 0.6, 0.9])
    for step in range(1, 31):
        progress = with_train_loss(progress, step, 1.0 / step)
    found = overfitting_of(progress, steps_per_epoch=10, kept_step=kept)
    assert found is not None
    assert found.turned_at_step == 20
    last_five = math.fsum(1.0 / step for step in range(26, 31)) / 5
    assert math.isclose(found.gap, 0.9 - last_five)
    assert found.gap_slope_per_epoch > 0
    turned = f"held-out loss turned at step 20 (lowest 0.600, 0.900 at the end, where train loss is {last_five:.3f})"
    assert found.sentence == f"{turned}; {ending}"


@pytest.mark.parametrize(
    ("losses", "fall", "ending"),
    [
        ([1.0, 0.8, 0.6], 0.25, " The second half took 25 % off it: longer training may lower it further."),
        ([1.0, 0.61, 0.6], 0.0164, ""),
        ([1.0, 0.6], None, ""),
    ],
)
def test_a_held_out_loss_at_its_lowest_is_said_with_the_weights_that_are_kept(losses, fall, ending):
    progress = after(losses)
    steps = 10 * (len(losses) - 1)
    for step in range(1, steps + 1):
        progress = with_train_loss(progress, step, 0.5)
    found = overfitting_of(progress, steps_per_epoch=10, kept_step=steps)
    assert found is not None
    assert found.turned_at_step is None
    assert found.fall_in_second_half == (None if fall is None else pytest.approx(fall, abs=1e-4))
    assert found.sentence == (
        f"held-out loss 0.600 is still at its lowest (train loss 0.500); the weights kept are those of step {steps}: "
        f"no sign of overfitting.{ending}"
    )


def test_a_spike_is_far_above_its_neighbours_and_noise_is_not():
    quiet = [1.0, 1.1, 0.9, 1.05, 0.95] * 6
    assert is_spike(quiet, 3.0)
    assert not is_spike(quiet, 1.3)
    assert not is_spike(quiet[:10], 3.0)  # too few to judge by
