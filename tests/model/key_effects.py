"""What each key of the `model` section changes in what is loaded, attached or saved."""

import functools
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from sftctl.demo import paths
from sftctl.errors import EnvironmentProblem
from sftctl.model import adapters
from sftctl.model.attention import implementation
from sftctl.model.config import LoraConfig, ModelConfig
from sftctl.model.device import pick_device
from sftctl.model.loading import pick_dtype
from sftctl.model.source import resolve_path
from sftctl.model.tokenizer import load_tokenizer
from sftctl.tokenization.config import DataConfig
from sftctl.tokenization.prepare import prepare_tokenizer
from sftctl.train import publishing
from tests.key_effect import KeyEffect

_CUDA, _CPU = torch.device("cuda"), torch.device("cpu")


def _model() -> Any:
    torch.manual_seed(0)
    settings = LlamaConfig(
        vocab_size=64, hidden_size=16, intermediate_size=24, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=2,
    )  # fmt: skip
    return LlamaForCausalLM(settings)


def _adapter(key: str, value: Any, folder: Path) -> Any:
    """Names and shapes of what is trained, and the scale and dropout of the first adapter."""
    adapted = adapters.attach(_model(), LoraConfig(**{key: value}), base_path="")
    layer = next(module for module in adapted.modules() if hasattr(module, "lora_dropout"))
    shapes = [(name, tuple(weight.shape)) for name, weight in adapted.named_parameters() if weight.requires_grad]
    return shapes, dict(layer.scaling), getattr(layer.lora_dropout["default"], "p", 0.0)


def _asked_of_the_hub(key: str, value: Any, folder: Path) -> Any:
    with mock.patch("sftctl.model.tokenizer.AutoTokenizer.from_pretrained") as opened:
        load_tokenizer(ModelConfig(**{"path": "org/model", key: value}))
    return opened.call_args


def _device(value: Any, folder: Path) -> str:
    try:
        return pick_device(ModelConfig(path="builtin:tiny", device=value)).type
    except EnvironmentProblem as problem:
        return str(problem)


def _saved_files(value: Any, folder: Path) -> list[str]:
    config = ModelConfig(path="builtin:tiny", merge=value)
    prepared = prepare_tokenizer(load_tokenizer(config), DataConfig())
    adapted = adapters.attach(_model(), config.lora, base_path="")
    publishing.save(publishing.Finished(adapted, prepared, config, "card"), folder / "model")
    return sorted(path.name for path in (folder / "model").iterdir())


KEY_EFFECTS = [
    KeyEffect("model.path", "builtin:tiny", str(paths.data_folder()), lambda value, folder: resolve_path(value)),
    KeyEffect("model.revision", "main", "v2", functools.partial(_asked_of_the_hub, "revision")),
    KeyEffect("model.trust_remote_code", False, True, functools.partial(_asked_of_the_hub, "trust_remote_code")),
    KeyEffect(
        "model.method",
        "full",
        "lora",
        lambda value, folder: pick_dtype(ModelConfig(path="x", method=value), _CUDA, training=True),
    ),
    KeyEffect(
        "model.dtype", "auto", "bfloat16", lambda value, folder: pick_dtype(ModelConfig(path="x", dtype=value), _CPU)
    ),
    KeyEffect(
        "model.attention",
        "eager",
        "varlen",
        lambda value, folder: implementation(ModelConfig(path="x", attention=value), _CPU, training=True),
    ),
    KeyEffect("model.device", "cpu", "cuda", _device),
    KeyEffect("model.merge", False, True, _saved_files),
    KeyEffect("model.lora.r", 4, 8, functools.partial(_adapter, "r")),
    KeyEffect("model.lora.alpha", 8, 64, functools.partial(_adapter, "alpha")),
    KeyEffect("model.lora.dropout", 0.0, 0.3, functools.partial(_adapter, "dropout")),
    KeyEffect("model.lora.target_modules", "all-linear", ["q_proj"], functools.partial(_adapter, "target_modules")),
    KeyEffect("model.lora.dora", False, True, functools.partial(_adapter, "dora")),
    KeyEffect("model.lora.rslora", False, True, functools.partial(_adapter, "rslora")),
]
