"""What the losses say while a run goes on: the best step, when to stop, overfitting, forgetting, spikes."""

import math
import statistics
from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict

from sftctl.train.config import EarlyStopping, ForgettingBudget
from sftctl.train.result import Forgetting, HeldOutLoss, Overfitting
from sftctl.units import percent

GENERAL_ROLE = "general"

_SPIKE_WINDOW = 50
_SPIKE_WARM_UP = 20
_SPIKE_ROBUST_Z = 8.0
_MAD_TO_SIGMA = 1.4826
"""Median absolute deviation of a normal distribution, times this, is its standard deviation."""


class Progress(BaseModel):
    """All that a resumed run must know besides weights and optimizer; saved in every checkpoint."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    step: int = 0
    held_out: tuple[HeldOutLoss, ...] = ()
    train_losses: tuple[float, ...] = ()
    spikes: tuple[int, ...] = ()
    best_step: int | None = None
    best_loss: float | None = None
    counted_best: float | None = None
    evaluations_without_gain: int = 0
    budget_exceeded_at: int | None = None
    stopped: Literal["stopped_early", "budget_stopped"] | None = None
    seconds: float = 0.0
    wall_seconds: float = 0.0


def with_train_loss(progress: Progress, step: int, loss: float) -> Progress:
    """One more optimizer step; a loss far above its neighbours is noted as a spike."""
    spikes = (*progress.spikes, step) if is_spike(progress.train_losses, loss) else progress.spikes
    return progress.model_copy(update={"step": step, "train_losses": (*progress.train_losses, loss), "spikes": spikes})


def with_held_out(
    progress: Progress,
    losses: HeldOutLoss,
    early_stopping: EarlyStopping | None,
    budget: ForgettingBudget | None,
) -> Progress:
    """One more evaluation: a new best, a lost patience, a budget exceeded.

    The best step is the lowest loss ever. Patience counts against the last counted best instead, so that many
    falls smaller than `min_delta` use it up.
    """
    changes: dict[str, object] = {"held_out": (*progress.held_out, losses)}
    if losses.step and (progress.best_loss is None or losses.loss < progress.best_loss):
        changes |= {"best_loss": losses.loss, "best_step": losses.step}
    min_delta = early_stopping.min_delta if early_stopping else 0.0
    if progress.counted_best is None or losses.loss < progress.counted_best - min_delta:
        changes |= {"counted_best": losses.loss, "evaluations_without_gain": 0}
    else:
        waited = progress.evaluations_without_gain + 1
        changes["evaluations_without_gain"] = waited
        if early_stopping and waited >= early_stopping.patience:
            changes["stopped"] = "stopped_early"
    forgetting = forgetting_of((*progress.held_out, losses), budget)
    if budget and forgetting and progress.budget_exceeded_at is None and forgetting.exceeded_at_step is not None:
        changes["budget_exceeded_at"] = losses.step
        if budget.action == "stop":
            changes["stopped"] = "budget_stopped"
    return progress.model_copy(update=changes)


def is_spike(earlier: Sequence[float], loss: float) -> bool:
    """Whether the loss is more than 8 robust deviations above the median of the last 50 steps."""
    window = earlier[-_SPIKE_WINDOW:]
    if len(window) < _SPIKE_WARM_UP:
        return False
    middle = statistics.median(window)
    spread = _MAD_TO_SIGMA * statistics.median(abs(value - middle) for value in window)
    # A run that has learned its rows by heart has no spread; a twentieth of the loss is its floor.
    return loss - middle > _SPIKE_ROBUST_Z * max(spread, 0.05 * abs(middle), 1e-3)


def forgetting_of(history: Sequence[HeldOutLoss], budget: ForgettingBudget | None) -> Forgetting | None:
    """The general held-out loss before, after and at its worst; None where no general rows are held out."""
    general = [(losses.step, losses.by_role[GENERAL_ROLE]) for losses in history if GENERAL_ROLE in losses.by_role]
    if not general:
        return None
    before = general[0][1]
    over = [step for step, loss in general if budget is not None and loss - before > budget.max_rise]
    return Forgetting(
        before=before,
        after=general[-1][1],
        worst=max(loss for _, loss in general),
        budget=budget.max_rise if budget else None,
        exceeded_at_step=over[0] if over else None,
    )


def overfitting_of(progress: Progress, steps_per_epoch: int, kept_step: int) -> Overfitting | None:
    """The gap between train and held-out loss, its slope, the step where held-out turned, and what to change.

    `kept_step` is the step whose weights are saved.
    """
    points = [(losses, _train_loss_before(progress, losses.step)) for losses in progress.held_out if losses.step]
    if not points:
        return None
    gaps = [(losses.step / steps_per_epoch, losses.loss - train) for losses, train in points]
    slope = statistics.linear_regression(*zip(*gaps, strict=True)).slope if len(gaps) > 1 else 0.0
    lowest = min(points, key=lambda point: point[0].loss)[0]
    last, last_train = points[-1]
    turned = lowest.step if last.loss > lowest.loss and lowest.step < last.step else None
    found = Overfitting(
        gap=last.loss - last_train,
        gap_slope_per_epoch=slope,
        turned_at_step=turned,
        fall_in_second_half=_fall_in_second_half(progress.held_out),
        sentence=_turn(lowest, last, last_train, kept_step),
    )
    remedy = _longer(found) if turned is None else _shorter(turned, kept_step, steps_per_epoch)
    return found.model_copy(update={"sentence": found.sentence + remedy})


def _fall_in_second_half(held_out: Sequence[HeldOutLoss]) -> float | None:
    """Share of the loss in the middle of the run that was gone at its end; rising is below 0."""
    last = held_out[-1]
    middle = min(held_out, key=lambda losses: abs(losses.step - last.step / 2))
    if len(held_out) < 3 or middle.step == last.step or middle.loss <= 0:
        return None
    return 1 - last.loss / middle.loss


def _train_loss_before(progress: Progress, step: int) -> float:
    """Mean train loss over the quarter of the evaluations' interval that ends at `step`; at least 5 steps."""
    earlier = [losses.step for losses in progress.held_out if losses.step < step]
    interval = max(5, (step - max(earlier, default=0)) // 4)
    window = progress.train_losses[max(0, step - interval) : step]
    return math.fsum(window) / len(window) if window else math.nan


def _turn(lowest: HeldOutLoss, last: HeldOutLoss, last_train: float, kept_step: int) -> str:
    """Where the held-out loss was lowest, and of which step the saved weights are."""
    kept = "the last ones, of" if kept_step > lowest.step else "those of"
    if last.loss <= lowest.loss:
        course = f"held-out loss {last.loss:.3f} is still at its lowest (train loss {last_train:.3f})"
    else:
        course = (
            f"held-out loss turned at step {lowest.step} (lowest {lowest.loss:.3f}, {last.loss:.3f} at the end, where "
            f"train loss is {last_train:.3f})"
        )
    return f"{course}; the weights kept are {kept} step {kept_step}"


def _longer(found: Overfitting) -> str:
    if not found.still_falling:
        return ": no sign of overfitting."
    fall = percent(found.fall_in_second_half)
    return f": no sign of overfitting. The second half took {fall} off it: longer training may lower it further."


def _shorter(turned: int, kept_step: int, steps_per_epoch: int) -> str:
    epochs = f"train.epochs to {max(turned / steps_per_epoch, 0.25):.2g}"
    if kept_step == turned:
        return f". More rows may let it fall further; with these, set {epochs}."
    return f": the better ones are lost. Set {epochs} and train again with --overwrite."
