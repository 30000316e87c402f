"""What a model's folder states about it; no weights are read."""

import json
from typing import Any

from transformers import AutoConfig, GenerationConfig

from sftctl.model.config import ModelConfig
from sftctl.model.source import base_of, hub_options, is_adapter, opened, resolve_path

_NO_LIMIT = 10_000_000
"""Some tokenizers and configs state a huge length for "none"."""


def model_settings(config: ModelConfig, *, path: str | None = None) -> Any:
    """The model's config.json as transformers reads it, of the base where `path` is an adapter; no weights are read."""
    source = resolve_path(path or config.path)
    if is_adapter(source):
        source = resolve_path(base_of(source) or config.path)
    return opened(source, lambda: AutoConfig.from_pretrained(source, **hub_options(config, source)))


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
        settings: Any = GenerationConfig.from_pretrained(source, **hub_options(config, source))
    except (OSError, json.JSONDecodeError):
        settings = model_settings(config, path=path)
    stop = settings.eos_token_id
    if stop is None:
        return ()
    return tuple(stop) if isinstance(stop, list | tuple) else (int(stop),)
