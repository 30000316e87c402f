"""Which device a model runs on, asked of torch alone: what a machine cannot do is refused before slow imports."""

import importlib.util
import os

import torch

from sftctl.errors import EnvironmentProblem
from sftctl.model.config import ModelConfig

SMALL_PARAMETERS = 5_000_000


def pick_device(config: ModelConfig) -> torch.device:
    """The recipe's device; a GPU that is asked for and not there is an EnvironmentProblem, never a silent CPU."""
    if config.device == "cuda" and not torch.cuda.is_available():
        raise EnvironmentProblem(
            "model.device is cuda, but torch sees no GPU. Check `nvidia-smi` and that torch is a CUDA build, "
            "or set model.device=cpu."
        )
    return torch.device("cuda" if config.device != "cpu" and torch.cuda.is_available() else "cpu")


def spare_threads(device: torch.device, parameters: int) -> None:
    """One thread on a CPU for a model so small that a second one gains it 5 %.

    On a busy machine its threads wait for each other at every one of its tiny operations: the demo took up to 520 s
    there, and 82 s on an idle one. OMP_NUM_THREADS goes before.
    """
    if device.type == "cpu" and parameters < SMALL_PARAMETERS and "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(1)


def training_device(config: ModelConfig) -> torch.device:
    """The recipe's device, where it can train by the recipe's method; else an EnvironmentProblem."""
    device = pick_device(config)
    if config.method == "qlora":
        require_four_bit(device)
    return device


def require_four_bit(device: torch.device) -> None:
    """Raises EnvironmentProblem where no 4-bit base can be held. Never a silent downgrade."""
    if device.type != "cuda":
        raise EnvironmentProblem(
            "model.method is qlora, which needs a CUDA GPU. Use model.method=lora on this machine."
        )
    if importlib.util.find_spec("bitsandbytes") is None:
        raise EnvironmentProblem("model.method is qlora, which needs bitsandbytes: pip install 'sftctl[qlora]'.")
