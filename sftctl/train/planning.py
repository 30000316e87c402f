"""What a run will do: steps, batches, precision and memory, decided before the first step."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from sftctl import console
from sftctl.errors import UsageError
from sftctl.model.config import ModelConfig
from sftctl.train.batches import BatchRules, epoch_batches, micro_batches_per_step, steps_per_epoch
from sftctl.train.collate import trained_tokens
from sftctl.train.config import TrainConfig
from sftctl.train.inputs import Inputs
from sftctl.train.packing_check import packing_difference, packing_tolerance
from sftctl.train.result import Plan

LEARNING_RATES = {"full": 2e-5, "lora": 2e-4, "qlora": 2e-4}
_WORTH_PACKING = 0.25
"""On a CPU attention runs row by row in packed rows: below this share of padding, padded rows are faster."""

_TOKENS_AT_ONCE = {"cpu": 2048, "cuda": 8192}


@dataclass(frozen=True)
class Scale:
    """Row lengths and sizes that a plan is made from; no weights are needed."""

    lengths: Sequence[int]
    trained: int
    max_length: int
    held_out: int
    device: torch.device
    processes: int = 1
    parameters: int = 0
    trainable: int = 0
    first_rows: int = 0


def scale_of(inputs: Inputs, device: torch.device, processes: int, model: Any = None, *, first_rows: int = 0) -> Scale:
    """The figures of these inputs; with a model, its size too."""
    weights = list(model.parameters()) if model is not None else []
    return Scale(
        lengths=[len(row.input_ids) for row in inputs.rows],
        trained=sum(trained_tokens(row) for row in inputs.rows),
        max_length=inputs.training.max_length,
        held_out=len(inputs.held_out),
        device=device,
        processes=processes,
        parameters=sum(weight.numel() for weight in weights),
        trainable=sum(weight.numel() for weight in weights if weight.requires_grad),
        first_rows=first_rows,
    )


def make_plan(config: TrainConfig, model: ModelConfig, scale: Scale, *, seed: int, packing: bool) -> Plan:
    """Every `auto` decided."""
    per_epoch = steps_per_epoch(len(scale.lengths), config.batch_size)
    steps = max(1, math.ceil(round(per_epoch * config.epochs, 6)))
    steps = min(steps, config.max_steps or steps)
    rules = batch_rules(config, scale, packing=packing)
    micro = micro_batches_per_step(scale.lengths, rules, seed, math.ceil(steps / per_epoch))
    checkpointing = (
        scale.device.type == "cuda" if config.gradient_checkpointing == "auto" else config.gradient_checkpointing
    )
    return Plan(
        method=model.method,
        device=str(scale.device),
        processes=scale.processes,
        weights=model.dtype,
        rows=len(scale.lengths),
        held_out_rows=scale.held_out,
        trained_tokens=scale.trained,
        total_tokens=sum(scale.lengths),
        max_length=scale.max_length,
        longest=max(scale.lengths),
        packing=packing,
        epochs=steps / per_epoch,
        steps=steps,
        steps_per_epoch=per_epoch,
        batch_size=config.batch_size,
        micro_batches_per_step=micro,
        micro_batch_tokens=rules.budget if packing else rules.budget * scale.max_length,
        learning_rate=LEARNING_RATES[model.method] if config.learning_rate == "auto" else config.learning_rate,
        gradient_checkpointing=checkpointing,
        parameters=scale.parameters,
        trainable_parameters=scale.trainable,
    )


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


def padding_share(config: TrainConfig, inputs: Inputs) -> float:
    """Share of padding in the first epoch, if rows of like length were padded together; 0 for rows of one length."""
    scale = scale_of(inputs, torch.device("cpu"), 1)
    rules = batch_rules(config, scale, packing=False)
    per_step = micro_batches_per_step(scale.lengths, rules, 0, 1)
    groups = [
        [scale.lengths[row] for row in group]
        for window in epoch_batches(scale.lengths, rules, 0, 0, per_step=per_step).windows
        for group in window[0]
        if group
    ]
    return 1 - sum(map(sum, groups)) / sum(len(group) * max(group) for group in groups)


def batch_rules(config: TrainConfig, scale: Scale, *, packing: bool) -> BatchRules:
    """The tokens, or rows, that one device holds at once."""
    longest = max(scale.lengths)
    if config.micro_batch != "auto":
        tokens = config.micro_batch * scale.max_length
        rows = config.micro_batch
    else:
        tokens = max(longest, _TOKENS_AT_ONCE.get(scale.device.type, 8192))
        rows = max(1, tokens // longest)
    return BatchRules(
        config.batch_size, max(tokens, longest) if packing else rows, packing, scale.processes, scale.first_rows
    )


def in_words(plan: Plan) -> str:
    """The plan in one line."""
    packed = "packed" if plan.packing else "padded"
    return (
        f"{plan.rows:,} rows ({packed}), {plan.trained_tokens:,} trained tokens, {plan.steps} steps of "
        f"{plan.batch_size} examples, learning rate {plan.learning_rate:g}, {plan.method}: "
        f"{plan.trainable_parameters:,} of {plan.parameters:,} weights, on {plan.device}"
    )
