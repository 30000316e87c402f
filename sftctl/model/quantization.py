"""The 4-bit base of QLoRA, or a clear refusal where the machine cannot hold one."""

import importlib.util
from typing import Any

import torch
from transformers import BitsAndBytesConfig

from sftctl.errors import EnvironmentProblem


def four_bit(device: torch.device) -> Any:
    """NF4 with double quantisation, computing in bfloat16: Dettmers et al. (2023). Never a silent downgrade."""
    if device.type != "cuda":
        raise EnvironmentProblem(
            "model.method is qlora, which needs a CUDA GPU. Use model.method=lora on this machine."
        )
    if importlib.util.find_spec("bitsandbytes") is None:
        raise EnvironmentProblem("model.method is qlora, which needs bitsandbytes: pip install 'sftctl[qlora]'.")
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )
