"""Where recipe and data disagree: what, why, and what to change. Never more than advice."""

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sftctl.model.config import ModelConfig
from sftctl.tokenization.config import DataConfig
from sftctl.train.config import TrainConfig
from sftctl.train.result import Advice, Plan
from sftctl.units import percent

REFERENCE_BATCH = 32
"""The batch that the default learning rates are meant for."""

TOY_PARAMETERS = 20_000_000
"""Below this a model is a toy or a test, and learns at rates that would ruin a pretrained one."""


@dataclass(frozen=True)
class Situation:
    """What the rules look at."""

    train: TrainConfig
    model: ModelConfig
    data: DataConfig
    plan: Plan
    lengths: Sequence[int]
    roles: Sequence[str]


def advise(situation: Situation) -> tuple[Advice, ...]:
    """All that apply, in a fixed order."""
    found = [rule(situation) for rule in _RULES]
    return tuple(advice for advice in found if advice is not None)


def _many_epochs(now: Situation) -> Advice | None:
    plan = now.plan
    if plan.epochs <= 3 or plan.rows >= 10_000 or now.train.early_stopping is not None:
        return None
    return Advice(
        what=f"{plan.epochs:g} epochs on {plan.rows:,} rows",
        why="with little data the held-out loss often rises after 2-3 epochs",
        change="set train.early_stopping={patience: 3}, or train.epochs=3",
    )


def _high_full_rate(now: Situation) -> Advice | None:
    if now.plan.method != "full" or now.plan.learning_rate <= 5e-5 or now.plan.parameters < TOY_PARAMETERS:
        return None
    return Advice(
        what=f"full fine-tuning at a learning rate of {now.plan.learning_rate:g}",
        why="above 5e-5 a pretrained model forgets much of what it knew",
        change="set train.learning_rate=2e-5",
    )


def _high_adapter_rate(now: Situation) -> Advice | None:
    if now.plan.method == "full" or now.plan.learning_rate <= 1e-3 or now.plan.parameters < TOY_PARAMETERS:
        return None
    return Advice(
        what=f"an adapter at a learning rate of {now.plan.learning_rate:g}",
        why="adapters are commonly trained at 1e-4 to 5e-4; ten times as much makes them diverge",
        change="set train.learning_rate=2e-4",
    )


def _unusual_batch(now: Situation) -> Advice | None:
    batch = now.plan.batch_size
    # Plain text is commonly trained in steps of half a million tokens, however many documents that is.
    if 8 <= batch <= 128 or (batch > 128 and now.data.train_on == "all_tokens"):
        return None
    why = "the gradient of few examples is noisy" if batch < 8 else "few, large steps learn less from the same rows"
    change = "set train.batch_size between 8 and 128"
    if now.plan.batch_tokens is not None:
        mean = now.plan.total_tokens / now.plan.rows
        change = f"set train.batch_tokens between {round(8 * mean):,} and {round(128 * mean):,}".replace(",", "_")
    return Advice(what=f"{batch} examples in a step", why=why, change=change)


def _unscaled_rate(now: Situation) -> Advice | None:
    if now.train.learning_rate != "auto" or now.plan.batch_size == REFERENCE_BATCH:
        return None
    scaled = now.plan.learning_rate * now.plan.batch_size / REFERENCE_BATCH
    if 0.5 <= scaled / now.plan.learning_rate <= 2:
        return None
    return Advice(
        what=f"learning rate {now.plan.learning_rate:g} with {now.plan.batch_size} examples in a step",
        why=f"the default is meant for {REFERENCE_BATCH}; by the linear rule the rate grows with the batch",
        change=f"try train.learning_rate={scaled:.2g}",
    )


def _long_max_length(now: Situation) -> Advice | None:
    high = _percentile_99(now.lengths)
    if now.data.max_length == "auto" or now.data.max_length <= 2 * high:
        return None
    return Advice(
        what=f"data.max_length={now.data.max_length}, while 99 % of the rows have at most {high} tokens",
        why="memory is planned for rows that do not exist",
        change="set data.max_length=auto",
    )


def _no_general_rows(now: Situation) -> Advice | None:
    share = sum(role == "general" for role in now.roles) / len(now.roles)
    if share >= 0.05 or now.train.anchor is not None or any(role in ("code", "safety") for role in now.roles):
        return None
    return Advice(
        what=f"{percent(share)} of the rows are general",
        why="a model that sees one narrow domain forgets the rest",
        change="add a source with role: general and a share of 0.05-0.10, or set train.anchor",
    )


def _nothing_watched(now: Situation) -> Advice | None:
    if now.plan.held_out_rows:
        return None
    return Advice(
        what="no held-out rows",
        why="overfitting would not be seen, and the last weights are kept whatever they are",
        change="set curate.hold_out, or train.held_out=FILE",
    )


def _few_steps(now: Situation) -> Advice | None:
    if not now.plan.few_steps:
        return None
    return Advice(
        what=f"{now.plan.steps} optimizer steps in all",
        why="a warm-up and a decay need some tens of steps",
        change=now.plan.way_to_more_steps,
    )


def _high_rank(now: Situation) -> Advice | None:
    if now.model.method == "full" or now.model.lora.r <= 64 or now.model.lora.rslora:
        return None
    return Advice(
        what=f"rank {now.model.lora.r} without rank-stabilised scaling",
        why="the plain scale shrinks the update as the rank grows",
        change="set model.lora.rslora=true",
    )


def _percentile_99(lengths: Sequence[int]) -> int:
    if len(lengths) < 2:
        return max(lengths)
    return round(statistics.quantiles(lengths, n=100, method="inclusive")[98])


_RULES: Iterable[Callable[[Situation], Advice | None]] = (
    _many_epochs,
    _high_full_rate,
    _high_adapter_rate,
    _unusual_batch,
    _unscaled_rate,
    _long_max_length,
    _no_general_rows,
    _nothing_watched,
    _few_steps,
    _high_rank,
)
