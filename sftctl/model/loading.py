"""A model's weights, on the right device and in the right precision."""

from typing import Any

import torch
import transformers
from transformers import AutoModelForCausalLM, BitsAndBytesConfig

from sftctl import console
from sftctl.model import adapters, attention
from sftctl.model.config import ModelConfig
from sftctl.model.device import pick_device, require_four_bit, spare_threads
from sftctl.model.source import base_of, hub_options, is_adapter, opened, resolve_path
from sftctl.model.tokenizer import load_tokenizer


def pick_dtype(config: ModelConfig, device: torch.device, *, training: bool = False) -> torch.dtype:
    """float32 on a CPU, and as master weights of full fine-tuning; bfloat16 otherwise."""
    if config.dtype != "auto":
        return {"float32": torch.float32, "bfloat16": torch.bfloat16}[config.dtype]
    if device.type == "cpu" or (training and config.method == "full"):
        return torch.float32
    return torch.bfloat16


def load_model(
    config: ModelConfig,
    *,
    path: str | None = None,
    dtype: torch.dtype | None = None,
    device: torch.device | None = None,
    training: bool = False,
) -> Any:
    """The model of `path` (an adapter folder: its base with the adapter on), else of the recipe, in eval mode.

    `training` picks master weights, QLoRA's 4-bit base and the training attention; `attach` puts a fresh adapter on.
    """
    device = device or pick_device(config)
    source = resolve_path(path or config.path)
    if is_adapter(source):
        base = load_model(config, path=base_of(source) or config.path, dtype=dtype, device=device, training=training)
        # An adapter that was trained with added tokens brings embeddings for them; the base must have the room.
        vocabulary = len(load_tokenizer(config, path=source))
        if vocabulary > base.get_input_embeddings().num_embeddings:
            base.resize_token_embeddings(vocabulary, mean_resizing=False)
        return adapters.with_adapter(base, source, trainable=training)
    if not console.interactive():
        transformers.utils.logging.disable_progress_bar()
    options: dict[str, Any] = hub_options(config, source) | {
        "dtype": dtype or pick_dtype(config, device, training=training),
        "attn_implementation": attention.implementation(config, device, training=training),
    }
    if config.method == "qlora" and training:
        options["quantization_config"] = _four_bit(device)
        options["device_map"] = {"": device}
    model = opened(source, lambda: AutoModelForCausalLM.from_pretrained(source, **options))
    model = adapters.under_adapter(model) if "quantization_config" in options else model.to(device)
    spare_threads(device, model.num_parameters())
    return model.eval()


def _four_bit(device: torch.device) -> Any:
    """NF4 with double quantisation, computing in bfloat16: Dettmers et al. (2023)."""
    require_four_bit(device)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )
