"""What a checkpoint and a forecast were made from, by name: hashes of the recipe's values and of the rows."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sftctl.manifest import hash_value
from sftctl.model.config import ModelConfig
from sftctl.tokenization.config import DataConfig
from sftctl.train.config import TrainConfig
from sftctl.train.result import Plan

# The hashes of the rows stand for these.
_NAMES_OF_ROWS = {"train.rows", "train.held_out"}
# These change how a run is done or shown, never what it learns (micro batches: up to rounding).
_SAME_WEIGHTS = {
    "train.micro_batch",
    "train.gradient_checkpointing",
    "train.keep_checkpoints",
    "train.report_to",
    "train.gpu_hour_usd",
    "model.device",
    "model.merge",
    "model.attention",
}
# These change what a run learns, never how long it takes or what it holds.
_SAME_WORK = {
    "train.learning_rate",
    "train.warmup",
    "train.schedule",
    "train.weight_decay",
    "train.max_grad_norm",
    "train.keep_checkpoints",
}


@dataclass(frozen=True)
class Origin:
    """The sections that say how a run is done, and the hashes of its rows."""

    train: TrainConfig
    model: ModelConfig
    data: DataConfig
    rows: Mapping[str, str]


def of_weights(origin: Origin, seed: int) -> dict[str, str]:
    """Name -> hash of everything that decides what is learned."""
    return {"seed": hash_value(seed), **_named(origin, _SAME_WEIGHTS)}


def of_work(origin: Origin, plan: Plan) -> dict[str, str]:
    """Name -> hash of everything that decides what a run takes, the kind and number of its devices included."""
    device = f"{plan.processes} x {plan.device.partition(':')[0]}"
    return {"device": hash_value(device), **_named(origin, _SAME_WORK)}


def _named(origin: Origin, free: Collection[str]) -> dict[str, str]:
    sections = {"train": origin.train, "model": origin.model, "data": origin.data}
    values = {
        f"{section}.{name}": value
        for section, config in sections.items()
        for name, value in config.model_dump(mode="json").items()
    }
    kept = {name: value for name, value in values.items() if name not in _NAMES_OF_ROWS and name not in free}
    return {name: hash_value(value) for name, value in kept.items()} | dict(origin.rows)
