"""What a run will do: steps, batches, precision and memory, decided before the first step."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from sftctl import console
from sftctl.errors import UsageError
from sftctl.model.config import ModelConfig
from sftctl.model.device import pick_device
from sftctl.model.footprint import Size, activation_bytes, size_of, static_memory, static_memory_on_cpu
from sftctl.model.loading import pick_dtype
from sftctl.model.peak_memory import free_gpu_bytes
from sftctl.run_dir import RunDir
from sftctl.tokenization.compact import counted_tokens_of, lengths_of, roles_of
from sftctl.tokenization.config import DataConfig
from sftctl.train import launch
from sftctl.train.advice import Situation, advise
from sftctl.train.batches import BatchRules, EpochBatches, epoch_batches, micro_batches_per_step, steps_per_epoch
from sftctl.train.config import DEFAULT_BATCH_SIZE, TrainConfig
from sftctl.train.inputs import Inputs, read_inputs
from sftctl.train.micro_batch import ON_CPU, Demand, Room, fullest_batch, held_by_anchor, room_on_gpu
from sftctl.train.packing_check import packing_difference, packing_tolerance
from sftctl.train.precision import optimizer_for, way_of, with_fitting_dtype
from sftctl.train.result import Plan
from sftctl.units import data_size

LEARNING_RATES = {"full": 2e-5, "lora": 2e-4, "qlora": 2e-4}
_WORTH_PACKING = 0.25
"""On a CPU attention runs row by row in packed rows: below this share of padding, padded rows are faster."""


@dataclass(frozen=True)
class Scale:
    """Row lengths and sizes that a plan is made from; no weights are needed."""

    lengths: Sequence[int]
    trained: int
    max_length: int
    held_out: int
    device: torch.device
    processes: int = 1
    first_rows: int = 0


def scale_of(inputs: Inputs, device: torch.device, processes: int, *, first_rows: int = 0) -> Scale:
    """The figures of these inputs."""
    return Scale(
        lengths=lengths_of(inputs.rows),
        trained=sum(counted_tokens_of(inputs.rows)),
        max_length=inputs.training.max_length,
        held_out=len(inputs.held_out),
        device=device,
        processes=processes,
        first_rows=first_rows,
    )


def plan_run(config: TrainConfig, model: ModelConfig, data: DataConfig, run_dir: RunDir, seed: int) -> Plan:
    """What `train` would do now, said and returned with its advice. Raises what reading the rows raises."""
    inputs = read_inputs(config, model, data, run_dir)
    packing = packing_wanted(config, pick_device(model), inputs)
    made = complete_plan(config, model, data, inputs, seed=seed, packing=packing)
    show(made)
    return made


def complete_plan(
    config: TrainConfig, model: ModelConfig, data: DataConfig, inputs: Inputs, *, seed: int, packing: bool
) -> Plan:
    """Steps, batches, memory and advice. Raises UsageError where the optimizer could not move the weights."""
    device = pick_device(model)
    size = size_of(model)
    fitting = with_fitting_dtype(model, size, device)
    scale = scale_of(inputs, device, launch.processes())
    room = ON_CPU
    if device.type == "cuda":
        share = scale.trained / sum(scale.lengths)
        way = way_of(fitting)
        demand = Demand(size, way, share, checkpointing(config, device), held_by_anchor(config.anchor, size, way))
        room = room_on_gpu(demand, free_gpu_bytes(device))
    made = make_plan(config, model, scale, seed=seed, packing=packing, room=room)
    optimizer = optimizer_for(config, fitting, device, made.learning_rate)
    adapted = model.method != "full"
    sized = made.model_copy(
        update={
            "weights": str(pick_dtype(fitting, device, training=True)).removeprefix("torch."),
            "optimizer": optimizer,
            "parameters": size.parameters + (size.adapter if adapted else 0),
            "trainable_parameters": size.adapter if adapted else size.parameters,
            "memory_bytes": _memory(made, fitting, size),
        }
    )
    situation = Situation(config, model, data, sized, scale.lengths, roles_of(inputs.rows))
    return sized.model_copy(update={"advice": advise(situation)})


def make_plan(
    config: TrainConfig, model: ModelConfig, scale: Scale, *, seed: int, packing: bool, room: Room = ON_CPU
) -> Plan:
    """Every `auto` decided. Raises UsageError where a step cannot hold the longest row."""
    longest = max(scale.lengths)
    if config.batch_tokens is not None and config.batch_tokens < longest:
        raise UsageError(
            f"train.batch_tokens is {config.batch_tokens}, and the longest row has {longest} tokens. Set at least "
            f"{longest}, or a lower data.max_length."
        )
    at_once = tokens_at_once(config, scale, room)
    plan = Plan(
        method=model.method,
        device=str(scale.device),
        processes=scale.processes,
        weights=model.dtype,
        rows=len(scale.lengths),
        held_out_rows=scale.held_out,
        trained_tokens=scale.trained,
        total_tokens=sum(scale.lengths),
        max_length=scale.max_length,
        longest=longest,
        packing=packing,
        epochs=config.epochs,
        steps=1,
        max_steps=config.max_steps,
        steps_per_epoch=1,
        batch_size=config.batch_size or DEFAULT_BATCH_SIZE,
        batch_tokens=config.batch_tokens,
        micro_batches_per_step=1,
        micro_batch_tokens=at_once.tokens if packing else _rows_at_once(config, scale, at_once) * scale.max_length,
        micro_batch_reason=at_once.why,
        learning_rate=LEARNING_RATES[model.method] if config.learning_rate == "auto" else config.learning_rate,
        gradient_checkpointing=checkpointing(config, scale.device),
    )
    return with_steps(plan, scale, config.epochs, seed=seed)


def with_steps(plan: Plan, scale: Scale, epochs: float, *, seed: int) -> Plan:
    """The plan with the steps and micro-batches that these rows need in so many epochs, or in `max_steps` of them."""
    rules = batch_rules(plan, scale)
    passes = math.ceil(epochs)
    if plan.max_steps is not None:
        least_per_epoch = math.ceil((sum(scale.lengths) if rules.step_in_tokens else len(scale.lengths)) / rules.step)
        passes = min(passes, math.ceil(plan.max_steps / least_per_epoch))
    per_epoch = steps_per_epoch(scale.lengths, rules, seed, passes)
    steps = max(1, math.ceil(round(per_epoch * epochs, 6)))
    steps = min(steps, plan.max_steps or steps)
    micro = micro_batches_per_step(scale.lengths, rules, seed, math.ceil(steps / per_epoch))
    found: dict[str, Any] = {
        "epochs": steps / per_epoch,
        "steps": steps,
        "steps_per_epoch": per_epoch,
        "micro_batches_per_step": micro,
    }
    if plan.batch_tokens is not None:
        found["batch_size"] = max(1, round(len(scale.lengths) / per_epoch))
    return plan.model_copy(update=found)


def checkpointing(config: TrainConfig, device: torch.device) -> bool:
    """Whether activations are computed twice to hold fewer of them."""
    return device.type == "cuda" if config.gradient_checkpointing == "auto" else config.gradient_checkpointing


def tokens_at_once(config: TrainConfig, scale: Scale, room: Room) -> Room:
    """The recipe's micro-batch, or what there is room for; one row is always held whole."""
    longest = max(scale.lengths)
    if config.micro_batch != "auto":
        tokens = max(longest, config.micro_batch * scale.max_length)
        return Room(tokens, f"train.micro_batch={config.micro_batch}")
    if room.tokens >= longest:
        return room
    return Room(longest, room.why if room.tokens == 0 else f"the longest row; {room.tokens:,} are {room.why}")


def decide_packing(config: TrainConfig, model: Any, inputs: Inputs) -> bool:
    """Whether rows are packed: where it saves time, and the self-test on this model finds the gradients equal.

    Raises UsageError where packing is demanded and would change the result.
    """
    if not packing_wanted(config, model.device, inputs):
        return False
    difference, tolerance = packing_difference(model, inputs.rows), packing_tolerance(model)
    if difference <= tolerance:
        console.detail(f"packing self-test: gradients differ by {difference:.1e} (allowed: {tolerance:g})")
        return True
    found = f"packed rows would change the gradients of this model by {difference:.1e} (allowed: {tolerance:g})"
    if config.packing is True:
        raise UsageError(f"train.packing: {found}. Set train.packing=auto, or another model.attention.")
    console.warn(f"{found}: rows are padded instead.")
    return False


def packing_wanted(config: TrainConfig, device: torch.device, inputs: Inputs) -> bool:
    """What the recipe asks for; with auto, on a CPU, only where there is padding to save."""
    if config.packing == "auto" and device.type == "cpu":
        return padding_share(config, inputs) >= _WORTH_PACKING
    return config.packing is not False


def _rows_at_once(config: TrainConfig, scale: Scale, room: Room) -> int:
    """Without packing."""
    return config.micro_batch if config.micro_batch != "auto" else max(1, room.tokens // max(scale.lengths))


def padding_share(config: TrainConfig, inputs: Inputs) -> float:
    """Share of padding in the first epoch, if rows of like length were padded together; 0 for rows of one length."""
    scale = scale_of(inputs, torch.device("cpu"), 1)
    at_once = _rows_at_once(config, scale, tokens_at_once(config, scale, ON_CPU))
    step = config.batch_tokens or config.batch_size or DEFAULT_BATCH_SIZE
    rules = BatchRules(step, at_once, packed=False, step_in_tokens=config.batch_tokens is not None)
    steps = steps_per_epoch(scale.lengths, rules, 0, 1)
    per_step = micro_batches_per_step(scale.lengths, rules, 0, 1)
    groups = [
        [scale.lengths[row] for row in group]
        for window in epoch_batches(scale.lengths, rules, 0, 0, steps=steps, per_step=per_step).windows
        for group in window[0]
        if group
    ]
    return 1 - sum(map(sum, groups)) / sum(len(group) * max(group) for group in groups)


def batches_of_epoch(plan: Plan, scale: Scale, seed: int, epoch: int) -> EpochBatches:
    """How the plan deals these rows in that epoch."""
    rules = batch_rules(plan, scale)
    steps, per_step = plan.steps_per_epoch, plan.micro_batches_per_step
    return epoch_batches(scale.lengths, rules, seed, epoch, steps=steps, per_step=per_step)


def batch_rules(plan: Plan, scale: Scale) -> BatchRules:
    """The plan's steps and micro-batches, for these rows."""
    return BatchRules(
        step=plan.batch_tokens or plan.batch_size,
        budget=plan.micro_batch_tokens if plan.packing else plan.micro_batch_tokens // plan.max_length,
        packed=plan.packing,
        processes=scale.processes,
        first_rows=scale.first_rows,
        step_in_tokens=plan.batch_tokens is not None,
    )


def _memory(made: Plan, model: ModelConfig, size: Size) -> dict[str, int]:
    if made.device == "cpu":
        static = static_memory_on_cpu(size, adapter_only=model.method != "full")
        bytes_per_value = 4
    else:
        static = static_memory(size, way_of(model))
        bytes_per_value = 2
    return {
        "weights": static.weights,
        "gradients": static.gradients,
        "optimizer": static.optimizer,
        "activations": activation_bytes(size, fullest_batch(made), bytes_per_value=bytes_per_value),
    }


def show(made: Plan) -> None:
    """The plan and its advice, for the terminal."""
    console.say(in_words(made))
    console.say("memory: " + ", ".join(f"{name} {data_size(held)}" for name, held in made.memory_bytes.items()))
    for advice in made.advice:
        console.warn(f"{advice.what}: {advice.why}. To change it, {advice.change}.")


def in_words(plan: Plan) -> str:
    """The plan in three lines: the rows and steps, the weights, what is held at once."""
    packed = "packed" if plan.packing else "padded"
    size = f"{plan.batch_size} examples"
    if plan.batch_tokens is not None:
        size = f"at most {plan.batch_tokens:,} tokens (about {size})"
    parts = plan.micro_batches_per_step
    whole = "a whole step" if parts == 1 else f"a step in {parts} parts"
    return (
        f"{plan.rows:,} rows ({packed}), {plan.trained_tokens:,} trained tokens; {plan.steps} steps of {size} "
        f"({_what_ends(plan)})\n"
        f"{plan.method} on {plan.device}: {plan.trainable_parameters:,} of {plan.parameters:,} weights, "
        f"learning rate {plan.learning_rate:g}\n"
        f"at once on a device: {whole}, at most {plan.micro_batch_tokens:,} tokens ({plan.micro_batch_reason})"
    )


def _what_ends(plan: Plan) -> str:
    """Which of the two limits rules."""
    epochs = f"{plan.epochs:.3g} epoch{'' if plan.epochs == 1 else 's'}"
    if plan.max_steps is None:
        return epochs
    if plan.ended_by_max_steps:
        return f"max_steps {plan.max_steps} ends them after {epochs}"
    return f"{epochs} end{'s' if plan.epochs == 1 else ''} before max_steps {plan.max_steps}"
