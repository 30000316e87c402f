"""A model that was trained in parts, put together on process 0: to be saved, read back and asked like any other."""

import os
from typing import Any

import torch

from sftctl.errors import UsageError
from sftctl.train import launch
from sftctl.train.assembly import TrainingSections, trainable_model
from sftctl.train.config import TrainConfig
from sftctl.train.inputs import Inputs


def refuse_unsupported(config: TrainConfig) -> None:
    """Raises UsageError where weights are split over processes and the run could not be finished that way."""
    if not launch.sharded():
        return
    if config.anchor is not None:
        raise UsageError("train.anchor needs whole weights on every process. Remove it, or do not shard them.")
    if os.environ.get("FSDP_STATE_DICT_TYPE", "FULL_STATE_DICT") != "FULL_STATE_DICT":
        raise UsageError(
            "the checkpoints of a sharded run must hold whole weights, since the best of them is saved as the model. "
            "Set fsdp_state_dict_type: FULL_STATE_DICT in accelerate's configuration."
        )


def whole_recipe(recipe: TrainingSections) -> TrainingSections:
    """The recipe for a single process: on the CPU, since the weights need not fit on one GPU."""
    if not launch.sharded() or recipe.model.method == "qlora":
        return recipe
    return TrainingSections(recipe.train, recipe.model.model_copy(update={"device": "cpu"}), recipe.seed)


def whole_weights(trainer: Any) -> dict[str, torch.Tensor]:
    """All weights, on process 0; every process must call this together."""
    weights: dict[str, torch.Tensor] = trainer.accelerator.get_state_dict(trainer.model)
    return weights


def whole_model(recipe: TrainingSections, inputs: Inputs, weights: dict[str, torch.Tensor]) -> Any:
    """A model of its own that holds these weights."""
    model = trainable_model(recipe, inputs)
    model.load_state_dict(weights)
    return model
