"""LoRA adapters around a base model: put on, switched off, merged, found on disk."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import peft

from sftctl.errors import UsageError
from sftctl.model.config import LoraConfig


def attach(model: Any, lora: LoraConfig, *, base_path: str, also_trained: Sequence[str] = ()) -> Any:
    """Put a fresh adapter on `model`, in place; its output is that of the base until the first step.

    `base_path` is recorded in the saved adapter (`builtin:tiny`, a hub id: what works on another machine too).
    `also_trained` names whole modules to train beside it, such as `embed_tokens` after tokens were added.
    """
    targets = lora.target_modules if isinstance(lora.target_modules, str) else list(lora.target_modules)
    settings = peft.LoraConfig(
        r=lora.r,
        lora_alpha=lora.scale,
        lora_dropout=lora.dropout,
        target_modules=targets,
        use_dora=lora.dora,
        use_rslora=lora.rslora,
        modules_to_save=list(also_trained) or None,
        task_type="CAUSAL_LM",
    )
    try:
        adapted = peft.get_peft_model(model, settings)
    except ValueError as error:
        raise UsageError(f"model.lora.target_modules: {error}") from error
    adapted.peft_config["default"].base_model_name_or_path = base_path
    return adapted


def under_adapter(model: Any) -> Any:
    """A quantised base as QLoRA trains on it, in place: frozen, with all that is not quantised in float32."""
    return peft.prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)


def with_adapter(model: Any, path: str | Path, *, trainable: bool = False) -> Any:
    """The base `model` with the adapter of the folder on."""
    try:
        adapted = peft.PeftModel.from_pretrained(model, str(path), is_trainable=trainable)
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UsageError(f"{path}: the adapter does not fit its base model: {reason}") from error
    return adapted if trainable else adapted.eval()


def has_adapter(model: object) -> bool:
    """Whether a LoRA adapter is around the model."""
    return isinstance(model, peft.PeftModel)


def unwrapped(model: Any) -> Any:
    """The transformers model itself, with the adapter's layers in place."""
    return model.get_base_model() if has_adapter(model) else model


@contextlib.contextmanager
def adapter_off(model: Any) -> Iterator[Any]:
    """The base model for as long as the block lasts; a UsageError where no adapter is on."""
    if not has_adapter(model):
        raise UsageError("the model has no adapter to switch off; load the base model by its own path")
    with model.disable_adapter():
        yield model


def merge(model: Any) -> Any:
    """A plain model with the adapter added into its weights; `model` is used up. 1e-5 of its logits in float32."""
    return model.merge_and_unload()
