"""What the whole run will take, from the steps that were watched: time, memory, money."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from sftctl.model.footprint import (
    WAYS,
    Size,
    Way,
    activation_bytes,
    device_peak_flops,
    static_memory,
    static_memory_on_cpu,
    train_flops,
)
from sftctl.smoke_test.evidence import Evidence
from sftctl.smoke_test.rehearsal import Step
from sftctl.smoke_test.result import Forecast, MemoryUse
from sftctl.train import fingerprint
from sftctl.train.conductor import schedule_of
from sftctl.train.micro_batch import fullest_batch
from sftctl.train.publishing import CHECK_ROWS
from sftctl.train.result import Plan
from sftctl.units import cost_usd

_UNSTEADY_STEPS = 3
"""The first steps build caches and hold the longest rows; they are not counted where enough others are left."""

_FULL_COPIES = 3
"""A checkpoint of full fine-tuning holds the weights and AdamW's two moments."""


@dataclass(frozen=True)
class _Around:
    """Seconds beside the steps."""

    setup: float
    evaluating: float
    saving: float


def forecast_of(evidence: Evidence, size: Size) -> Forecast | None:
    """None where no step was finished."""
    steady = steady_steps(evidence.rehearsal.steps)
    if not steady:
        return None
    plan, rehearsal, machine = evidence.rehearsal.full_plan, evidence.rehearsal, evidence.machine
    tokens_per_second = sum(step.tokens for step in steady) / sum(step.seconds for step in steady)
    epochs = plan.steps / plan.steps_per_epoch
    tokens = round(plan.total_tokens * epochs)
    around = _around(evidence, tokens_per_second)
    training = tokens / tokens_per_second
    seconds = around.setup + training + around.evaluating + around.saving
    operations = train_flops(size.multiplied, tokens)
    peak = device_peak_flops(machine.device_name)
    recipe = evidence.recipe
    origin = fingerprint.Origin(recipe.train, recipe.model, evidence.data, evidence.inputs.hashes)
    return Forecast(
        steps=plan.steps,
        tokens=tokens,
        trained_tokens=round(plan.trained_tokens * epochs),
        tokens_per_second=tokens_per_second,
        seconds=seconds,
        training_seconds=training,
        evaluation_seconds=around.evaluating,
        saving_seconds=around.saving,
        peak_memory_bytes=rehearsal.peak_memory_bytes,
        device_memory_bytes=machine.device_memory_bytes,
        checkpoint_bytes=rehearsal.checkpoint.size_bytes if rehearsal.checkpoint else 0,
        cost_usd=cost_usd(seconds, recipe.train.gpu_hour_usd, plan.processes),
        floating_point_operations=operations,
        floor_seconds=None if peak is None else operations / (peak * plan.processes),
        other_ways=memory_of_ways(evidence, size),
        made_from=fingerprint.of_work(origin, plan),
    )


def steady_steps(steps: Sequence[Step]) -> list[Step]:
    """Without the first ones, and without those that something else on the machine held up."""
    kept = list(steps[_UNSTEADY_STEPS:] if len(steps) > 2 * _UNSTEADY_STEPS else steps[1:] or steps)
    paces = [step.seconds / max(1, step.tokens) for step in kept]
    if not paces:
        return []
    limit = 5 * statistics.median(paces)
    return [step for step, pace in zip(kept, paces, strict=True) if math.isfinite(pace) and pace <= limit]


def memory_of_ways(evidence: Evidence, size: Size) -> tuple[MemoryUse, ...]:
    """What each way to train would hold on a GPU at the recipe's batch.

    Activations are the formula's, scaled by how far it was off for the way that was measured.
    """
    plan, machine = evidence.rehearsal.full_plan, evidence.machine
    batch = fullest_batch(plan)
    cpu, adapted = machine.device == "cpu", plan.method != "full"
    own = static_memory_on_cpu(size, adapter_only=adapted) if cpu else static_memory(size, _own_way(plan))
    formula = activation_bytes(size, batch, bytes_per_value=4 if cpu else 2)
    measured = evidence.rehearsal.peak_memory_bytes - own.total
    off = min(4.0, max(0.25, measured / formula)) if measured > 0 else 1.0
    uses = []
    for way in WAYS:
        static = static_memory(size, way)
        activations = round(off * activation_bytes(size, batch, bytes_per_value=2))
        limit = None if cpu else machine.device_memory_bytes
        uses.append(
            MemoryUse(
                way=way,
                weights=static.weights,
                gradients=static.gradients,
                optimizer=static.optimizer,
                activations=activations,
                measured=not cpu and way == _own_way(plan),
                fits=None if limit is None else static.total + activations <= limit,
            )
        )
    return tuple(uses)


def _around(evidence: Evidence, tokens_per_second: float) -> _Around:
    rehearsal, train = evidence.rehearsal, evidence.recipe.train
    plan, saved = rehearsal.full_plan, rehearsal.checkpoint
    schedule = schedule_of(train, plan, watched=plan.held_out_rows > 0)
    scored = sum(len(row.input_ids) for row in evidence.questions.held_out)
    all_held_out = sum(len(row.input_ids) for row in evidence.inputs.held_out)
    a_pass = evidence.before.held_out_seconds * all_held_out / scored if scored else 0.0
    save = saved.seconds if saved else 0.0
    first = rehearsal.steps[:_UNSTEADY_STEPS]
    starting = max(0.0, sum(step.seconds - step.tokens / tokens_per_second for step in first))
    # The finished model is written once, read back, and asked for a few answers and logits.
    model_only = save / _FULL_COPIES if plan.method == "full" else save
    few = evidence.inputs.rows[:CHECK_ROWS]
    logits = 2 * a_pass * sum(len(row.input_ids) for row in few) / max(1, all_held_out)
    # An answer that does not stop by itself is cut at twice the longest response.
    new_tokens = max(row.trained_tokens for row in few) * (2 - _stopped_share(evidence))
    answers = evidence.before.seconds_per_new_token * new_tokens
    return _Around(
        setup=rehearsal.loading_seconds + rehearsal.setup_seconds + starting,
        evaluating=a_pass * (len(schedule.evaluations) + bool(schedule.evaluations)),
        saving=save * len(schedule.saves) + model_only + rehearsal.loading_seconds + logits + answers,
    )


def _stopped_share(evidence: Evidence) -> float:
    if evidence.after is None or not evidence.after.answers:
        return 1.0
    return sum(answer.stopped for answer in evidence.after.answers) / len(evidence.after.answers)


def _own_way(plan: Plan) -> Way:
    ways: dict[str, Way] = {"lora": "lora", "qlora": "qlora"}
    return ways.get(plan.method, "full_bf16" if plan.weights == "bfloat16" else "full_fp32")
