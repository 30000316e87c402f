"""What the last bits of a run depend on besides its rows and recipe; a resumed run keeps them only if this stays."""

from collections.abc import Mapping

import torch

from sftctl.manifest import hardware
from sftctl.model.config import ModelConfig
from sftctl.model.device import pick_device
from sftctl.train import launch
from sftctl.train.config import TrainConfig


def rounded_by(config: TrainConfig, model: ModelConfig) -> dict[str, str]:
    """Name -> value, once the model is loaded: a small one sets its own number of threads."""
    on_gpu = pick_device(model).type == "cuda"
    return {
        "processes": str(launch.processes()),
        "CPU threads": "any" if on_gpu else str(torch.get_num_threads()),
        "device": torch.cuda.get_device_name() if on_gpu else hardware()["processor"].rpartition(" x ")[2],
        "torch": torch.__version__,
        "train.micro_batch": str(config.micro_batch),
        "train.gradient_checkpointing": str(config.gradient_checkpointing),
        "model.attention": model.attention,
    }


def changes_in_words(saved: Mapping[str, str], now: Mapping[str, str]) -> str:
    """`CPU threads 1 (now 2), processes 1 (now 4)`; empty where nothing that was recorded has changed."""
    return ", ".join(
        f"{name} {saved[name]} (now {now[name]})" for name in now if saved.get(name, now[name]) != now[name]
    )
