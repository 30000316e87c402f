"""Which attention a model runs on, and torch's varlen kernel behind transformers' AttentionInterface."""

import torch

from sftctl.model.config import ModelConfig


def implementation(config: ModelConfig, device: torch.device, *, training: bool) -> str:
    """The name that transformers knows the attention by."""
    return "eager" if config.attention == "eager" else "sdpa"
