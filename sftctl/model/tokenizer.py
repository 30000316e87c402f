"""The tokenizer of a model, without the libraries that load weights."""

from pathlib import Path
from typing import Any

from transformers import AutoTokenizer

from sftctl.errors import UsageError
from sftctl.model.config import ModelConfig
from sftctl.model.source import base_of, hub_options, is_adapter, opened, resolve_path


def load_tokenizer(config: ModelConfig, *, path: str | None = None) -> Any:
    """The fast tokenizer of `path` or of the recipe's model; an adapter folder may hold one of its own."""
    source = resolve_path(path or config.path)
    if is_adapter(source) and not (Path(source) / "tokenizer_config.json").exists():
        source = resolve_path(base_of(source) or config.path)
    tokenizer = opened(source, lambda: AutoTokenizer.from_pretrained(source, **hub_options(config, source)))
    if not getattr(tokenizer, "is_fast", False):
        raise UsageError(f"{source}: has no fast tokenizer, and the loss mask needs its character offsets.")
    return tokenizer
