"""A model or tokenizer from a folder, the hub or the package, on the right device and in the right precision."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig, GenerationConfig

from sftctl import console
from sftctl.demo import paths
from sftctl.errors import EnvironmentProblem, SftctlError, UsageError
from sftctl.model import adapters, attention
from sftctl.model.config import ModelConfig
from sftctl.model.device import pick_device, require_four_bit, spare_threads

_NO_LIMIT = 10_000_000
"""Some tokenizers and configs state a huge length for "none"."""


def resolve_path(path: str) -> str:
    """What transformers can open: `builtin:tiny` becomes its folder; a local folder that is absent is a UsageError."""
    if path.startswith(paths.PREFIX):
        return paths.resolve(path)
    local = Path(os.path.expanduser(path))  # Path.expanduser raises RuntimeError for the home of nobody
    if local.is_dir():
        return str(local)
    if path.startswith((".", "/", "~")):
        raise UsageError(f"model.path: there is no folder {path}. Give a folder with config.json, or a hub id.")
    return path


def pick_dtype(config: ModelConfig, device: torch.device, *, training: bool = False) -> torch.dtype:
    """float32 on a CPU, and as master weights of full fine-tuning; bfloat16 otherwise."""
    if config.dtype != "auto":
        return {"float32": torch.float32, "bfloat16": torch.bfloat16}[config.dtype]
    if device.type == "cpu" or (training and config.method == "full"):
        return torch.float32
    return torch.bfloat16


def load_tokenizer(config: ModelConfig, *, path: str | None = None) -> Any:
    """The fast tokenizer of `path` or of the recipe's model; an adapter folder may hold one of its own."""
    source = resolve_path(path or config.path)
    if adapters.is_adapter(source) and not (Path(source) / "tokenizer_config.json").exists():
        source = resolve_path(adapters.base_of(source) or config.path)
    tokenizer = _opened(source, lambda: AutoTokenizer.from_pretrained(source, **_hub_options(config, source)))
    if not getattr(tokenizer, "is_fast", False):
        raise UsageError(f"{source}: has no fast tokenizer, and the loss mask needs its character offsets.")
    return tokenizer


def load_model(
    config: ModelConfig,
    *,
    path: str | None = None,
    dtype: torch.dtype | None = None,
    device: torch.device | None = None,
    training: bool = False,
) -> Any:
    """The model of `path` (an adapter folder: its base with the adapter on), else of the recipe, in eval mode.

    `training` picks master weights and the training attention; the adapter of `method: lora` is put on by `attach`.
    """
    device = device or pick_device(config)
    source = resolve_path(path or config.path)
    if adapters.is_adapter(source):
        base = load_model(
            config, path=adapters.base_of(source) or config.path, dtype=dtype, device=device, training=training
        )
        # An adapter that was trained with added tokens brings embeddings for them; the base must have the room.
        vocabulary = len(load_tokenizer(config, path=source))
        if vocabulary > base.get_input_embeddings().num_embeddings:
            base.resize_token_embeddings(vocabulary, mean_resizing=False)
        return adapters.with_adapter(base, source, trainable=training)
    if not console.interactive():
        transformers.utils.logging.disable_progress_bar()
    options: dict[str, Any] = _hub_options(config, source) | {
        "dtype": dtype or pick_dtype(config, device, training=training),
        "attn_implementation": attention.implementation(config, device, training=training),
    }
    if config.method == "qlora" and training:
        options["quantization_config"] = _four_bit(device)
        options["device_map"] = {"": device}
    model = _opened(source, lambda: AutoModelForCausalLM.from_pretrained(source, **options))
    if "device_map" not in options:
        model = model.to(device)
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


def model_settings(config: ModelConfig, *, path: str | None = None) -> Any:
    """The model's config.json as transformers reads it, of the base where `path` is an adapter; no weights are read."""
    source = resolve_path(path or config.path)
    if adapters.is_adapter(source):
        source = resolve_path(adapters.base_of(source) or config.path)
    return _opened(source, lambda: AutoConfig.from_pretrained(source, **_hub_options(config, source)))


def context_length(config: ModelConfig, *, path: str | None = None) -> int | None:
    """Tokens that the model was built for, or None where its config does not say."""
    settings = model_settings(config, path=path)
    text_settings = settings.get_text_config() if hasattr(settings, "get_text_config") else settings
    length = getattr(text_settings, "max_position_embeddings", None)
    return int(length) if length and length < _NO_LIMIT else None


def generation_stop_ids(config: ModelConfig, *, path: str | None = None) -> tuple[int, ...]:
    """The stop tokens that the model's own generation_config names; empty where it names none."""
    source = resolve_path(path or config.path)
    try:
        settings: Any = GenerationConfig.from_pretrained(source, **_hub_options(config, source))
    except (OSError, json.JSONDecodeError):
        settings = model_settings(config, path=path)
    stop = settings.eos_token_id
    if stop is None:
        return ()
    return tuple(stop) if isinstance(stop, list | tuple) else (int(stop),)


def _hub_options(config: ModelConfig, source: str) -> dict[str, Any]:
    options: dict[str, Any] = {"trust_remote_code": config.trust_remote_code}
    if not Path(source).is_dir() and source == config.path:
        options["revision"] = config.revision
    return options


def _opened(source: str, load: Callable[[], Any]) -> Any:
    try:
        return load()
    except SftctlError:
        raise
    except (OSError, ValueError, HfHubHTTPError) as error:
        raise _explained(source, error) from error


def _explained(source: str, error: Exception) -> SftctlError:
    """The first cause that a user can act on, in words."""
    for cause in _causes(error):
        if isinstance(cause, GatedRepoError):
            return EnvironmentProblem(
                f"{source}: the model is gated. Ask for access on its page, then set HF_TOKEN to a token that has it."
            )
        if isinstance(cause, RevisionNotFoundError):
            return UsageError(f"{source}: the hub has no such revision. Check model.revision.")
        if isinstance(cause, RepositoryNotFoundError):
            return UsageError(
                f"{source}: not on the hub, or private. Check model.path; for a private one set HF_TOKEN."
            )
        if isinstance(cause, OfflineModeIsEnabled | LocalEntryNotFoundError | ConnectionError):
            return EnvironmentProblem(
                f"{source}: not in the local cache, and the hub cannot be reached. Give a local folder, "
                "or fetch it once while online."
            )
    return UsageError(f"{source}: cannot be loaded as a causal language model: {_first_line(error)}")


def _causes(error: BaseException | None) -> list[BaseException]:
    chain: list[BaseException] = []
    while error is not None and error not in chain:
        chain.append(error)
        error = error.__cause__ or error.__context__
    return chain


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
