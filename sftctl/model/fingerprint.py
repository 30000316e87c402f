"""What identifies a model: a few digits that change when its weights, its tokenizer or how it is run change."""

import platform
from importlib import metadata
from pathlib import Path
from typing import Any

from sftctl.manifest import hash_path, hash_value
from sftctl.model import loading
from sftctl.model.config import ModelConfig
from sftctl.model.device import pick_device
from sftctl.model.settings import model_settings
from sftctl.model.source import base_of, is_adapter, resolve_path

_WEIGHT_ENDINGS = (".safetensors", ".bin", ".json", ".jinja", ".model", ".txt")


def fingerprint(source: str, model: ModelConfig) -> str:
    """16 hex digits, of what `source.resolve_path` gives.

    A local folder is hashed by content; a hub id by its commit in the local cache, else by name and revision.
    """
    settings = _settings(model)
    folder = Path(source)
    if not folder.is_dir():
        commit = getattr(model_settings(model, path=source), "_commit_hash", None)
        return hash_value([source, commit or model.revision, settings])[:16]
    files = sorted(path for path in folder.rglob("*") if path.suffix in _WEIGHT_ENDINGS)
    content: list[Any] = [[str(path.relative_to(folder)), hash_path(path)] for path in files]
    if is_adapter(source) and (base := base_of(source)):
        content.append(fingerprint(resolve_path(base), model))
    return hash_value([content, settings])[:16]


def _settings(model: ModelConfig) -> dict[str, str]:
    device = pick_device(model)
    return {
        "dtype": str(loading.pick_dtype(model, device)),
        "device": device.type,
        "attention": model.attention,
        "machine": platform.machine(),
        "torch": metadata.version("torch"),
        "transformers": metadata.version("transformers"),
    }
