"""The 4-bit base of QLoRA, or a clear refusal where the machine cannot hold one."""

from typing import Any

import torch
from transformers import BitsAndBytesConfig

from sftctl.model.device import require_four_bit


def four_bit(device: torch.device) -> Any:
    """NF4 with double quantisation, computing in bfloat16: Dettmers et al. (2023)."""
    require_four_bit(device)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )
