"""How many tokens one device holds at once where the recipe leaves it open; it changes memory and speed alone."""

from dataclasses import dataclass

from sftctl.model.footprint import MicroBatch, Size, Way, activation_bytes, static_memory
from sftctl.train.config import Anchor
from sftctl.train.result import Plan
from sftctl.units import data_size

MOST_TOKENS = 16_384
"""Chosen, not measured: a GPU is busy with less, and a larger micro-batch would only raise the peak."""

_USABLE_SHARE = 0.95
"""Of the free memory; the allocator loses some to fragments."""

_FORMULA_MARGIN = 1.25
"""Activations are an estimate."""

_ROUNDED_TO = 1024
"""So that a little more or less free memory does not change the plan."""


@dataclass(frozen=True)
class Room:
    """The most tokens in one micro-batch, and why that many."""

    tokens: int
    why: str


ON_CPU = Room(2048, "fixed on a CPU")


@dataclass(frozen=True)
class Demand:
    """What training holds on a device: weights and their like by `way`, `besides` those what an anchor keeps, and for
    each token its activations.
    """

    size: Size
    way: Way
    trained_share: float
    checkpointing: bool
    besides: int = 0


def held_by_anchor(anchor: Anchor | None, size: Size, way: Way) -> int:
    """Bytes of the weights as they were, and of EWC's importances in float32; an adapter can be switched off for KL."""
    if anchor is None:
        return 0
    full = way in ("full_fp32", "full_bf16")
    trained, each = (size.parameters, 2 if way == "full_bf16" else 4) if full else (size.adapter, 4)
    if anchor.kind == "kl":
        return each * trained if full else 0
    return trained * (each + 4 if anchor.kind == "ewc" else each)


def room_on_gpu(demand: Demand, free_bytes: int) -> Room:
    """The tokens whose activations fit beside weights, gradients and optimizer; 0 where not even those fit."""
    static = static_memory(demand.size, demand.way).total + demand.besides
    batch = MicroBatch(_ROUNDED_TO, round(_ROUNDED_TO * demand.trained_share), demand.checkpointing)
    bytes_per_token = _FORMULA_MARGIN * activation_bytes(demand.size, batch, bytes_per_value=2) / _ROUNDED_TO
    left = _USABLE_SHARE * free_bytes - static
    if left < bytes_per_token * _ROUNDED_TO:
        return Room(
            0, f"the longest row alone: {data_size(static)} of {data_size(free_bytes)} go to weights and optimizer"
        )
    fitting = int(left / bytes_per_token) // _ROUNDED_TO * _ROUNDED_TO
    why = f"{data_size(left)} of {data_size(free_bytes)} are left for {data_size(bytes_per_token)} a token"
    return Room(min(fitting, MOST_TOKENS), why if fitting < MOST_TOKENS else f"more would fit: {why}")


def fullest_batch(plan: Plan) -> MicroBatch:
    """What a full micro-batch of this data holds: the limit, or all of a step where that is less."""
    tokens = round(min(plan.micro_batch_tokens, max(plan.tokens_held, plan.longest)))
    trained = round(tokens * plan.trained_tokens / plan.total_tokens)
    return MicroBatch(tokens, trained, plan.gradient_checkpointing)
