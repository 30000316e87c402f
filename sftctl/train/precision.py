"""In which precision weights are kept, and which optimizer can move them."""

import importlib.util
from typing import Any, Literal

import torch

from sftctl.errors import EnvironmentProblem, UsageError
from sftctl.model.config import ModelConfig
from sftctl.model.footprint import Size, Way, static_memory
from sftctl.model.loading import pick_dtype
from sftctl.model.peak_memory import device_memory_bytes
from sftctl.train.config import TrainConfig

Optimizer = Literal["adamw", "adamw_8bit_stochastic"]

LOWEST_BF16_RATE = 1e-4
"""Below it most updates are smaller than bfloat16 can hold beside the weight: 70 % of weights never move at 2e-5."""

_SHARE_FOR_STATIC_MEMORY = 0.9


def with_fitting_dtype(model: ModelConfig, size: Size, device: torch.device) -> ModelConfig:
    """Full fine-tuning keeps float32 weights where they fit on the GPU with their optimizer, else bfloat16."""
    memory = device_memory_bytes(device) if device.type == "cuda" else None
    if model.method != "full" or model.dtype != "auto" or memory is None:
        return model
    fits = static_memory(size, "full_fp32").total < _SHARE_FOR_STATIC_MEMORY * memory
    return model if fits else model.model_copy(update={"dtype": "bfloat16"})


def way_of(model: ModelConfig) -> Way:
    """The method and precision as the memory formulas name them; `model` has its fitting dtype."""
    if model.method != "full":
        return model.method
    return "full_bf16" if model.dtype == "bfloat16" else "full_fp32"


def optimizer_for(config: TrainConfig, model: ModelConfig, device: torch.device, learning_rate: float) -> Optimizer:
    """Plain AdamW where it can move the weights; raises UsageError where it cannot, and says why."""
    bf16_weights = model.method == "full" and pick_dtype(model, device, training=True) == torch.bfloat16
    chosen: Optimizer = "adamw" if config.optimizer == "auto" and not bf16_weights else "adamw_8bit_stochastic"
    if config.optimizer != "auto":
        chosen = config.optimizer
    if chosen == "adamw" and bf16_weights and learning_rate < LOWEST_BF16_RATE:
        raise UsageError(
            f"train.optimizer adamw cannot train bfloat16 weights at a learning rate of {learning_rate:g}: most "
            "updates round to nothing. Set model.dtype=float32, model.method=lora, or leave train.optimizer=auto."
        )
    if chosen == "adamw_8bit_stochastic" and importlib.util.find_spec("torchao") is None:
        raise EnvironmentProblem(
            "bfloat16 weights need an optimizer with stochastic rounding, from torchao: pip install "
            "'sftctl[low-memory]', or set model.dtype=float32 or model.method=lora."
        )
    return chosen


def optimizer_settings(chosen: Optimizer) -> dict[str, Any]:
    """The trainer's own names for it."""
    if chosen == "adamw":
        return {"optim": "adamw_torch"}
    return {"optim": "adamw_torch_8bit", "optim_args": "bf16_stochastic_round=True"}
