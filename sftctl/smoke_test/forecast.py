"""What the whole run will take, from the steps that were watched: time, memory, money."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from sftctl.smoke_test.evidence import Evidence
from sftctl.smoke_test.rehearsal import Step
from sftctl.smoke_test.result import Forecast
from sftctl.train.conductor import schedule_of

_UNSTEADY_STEPS = 3
"""The first steps build caches and hold the longest rows; they are not counted where enough others are left."""


@dataclass(frozen=True)
class Timings:
    """Seconds measured beside the steps."""

    held_out_pass: float
    """One pass over all held-out rows, scaled up where only some were scored."""
    save: float
    save_model: float


def forecast_of(evidence: Evidence, timings: Timings) -> Forecast | None:
    """None where no step was finished."""
    steady = steady_steps(evidence.rehearsal.steps)
    if not steady:
        return None
    plan, train = evidence.rehearsal.full_plan, evidence.recipe.train
    tokens_per_second = sum(step.tokens for step in steady) / sum(step.seconds for step in steady)
    epochs = plan.steps / plan.steps_per_epoch
    tokens = round(plan.total_tokens * epochs)
    schedule = schedule_of(train, plan, watched=plan.held_out_rows > 0)
    training = tokens / tokens_per_second
    evaluating = timings.held_out_pass * (len(schedule.evaluations) + bool(schedule.evaluations))
    saving = timings.save * len(schedule.saves) + timings.save_model
    seconds = evidence.rehearsal.loading_seconds + training + evaluating + saving
    saved = evidence.rehearsal.checkpoint
    price = train.gpu_hour_usd
    return Forecast(
        steps=plan.steps,
        tokens=tokens,
        trained_tokens=round(plan.trained_tokens * epochs),
        tokens_per_second=tokens_per_second,
        seconds=seconds,
        training_seconds=training,
        evaluation_seconds=evaluating,
        saving_seconds=saving,
        peak_memory_bytes=evidence.rehearsal.peak_memory_bytes,
        device_memory_bytes=evidence.machine.device_memory_bytes,
        checkpoint_bytes=saved.size_bytes if saved else 0,
        cost_usd=None if price is None else price * plan.processes * seconds / 3600,
        floating_point_operations=6.0 * plan.parameters * tokens,
        floor_seconds=None,
    )


def steady_steps(steps: Sequence[Step]) -> list[Step]:
    """Without the first ones, and without those that something else on the machine held up."""
    kept = list(steps[_UNSTEADY_STEPS:] if len(steps) > 2 * _UNSTEADY_STEPS else steps[1:] or steps)
    paces = [step.seconds / max(1, step.tokens) for step in kept]
    if not paces:
        return []
    limit = 5 * statistics.median(paces)
    return [step for step, pace in zip(kept, paces, strict=True) if math.isfinite(pace) and pace <= limit]
