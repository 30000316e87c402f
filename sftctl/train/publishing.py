"""The finished model on disk: weights, tokenizer, generation settings and card; read back before it counts."""

import gc
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from peft import set_peft_model_state_dict
from transformers import GenerationConfig

from sftctl import console
from sftctl.demo import paths as demo
from sftctl.errors import StorageFailed
from sftctl.model import adapters
from sftctl.model.config import ModelConfig
from sftctl.model.generation import Generation, generate
from sftctl.model.inference import inference
from sftctl.model.loading import load_model
from sftctl.run_dir import publish_folder, storage_errors
from sftctl.tokenization.prepare import Prepared
from sftctl.tokenization.rows import NOT_TRAINED, EncodedRow
from sftctl.train.result import ReloadCheck

CHECK_ROWS = 8
_ADAPTER_ALONE = {"save_embedding_layers": False}  # trained embeddings are saved as modules of the adapter
_MOST_NEW_TOKENS = 256
_ADAPTER_WEIGHTS = "adapter_model.safetensors"


@dataclass(frozen=True)
class Finished:
    """A trained model with what it must be saved with."""

    model: Any
    prepared: Prepared
    config: ModelConfig
    card: str


def load_weights(model: Any, checkpoint: Path) -> None:
    """Put the weights of a checkpoint into the live model, in place."""
    if adapters.has_adapter(model):
        set_peft_model_state_dict(model, safetensors.torch.load_file(checkpoint / _ADAPTER_WEIGHTS))
        return
    for file in sorted(checkpoint.glob("model*.safetensors")):
        model.load_state_dict(safetensors.torch.load_file(file), strict=False)
    model.tie_weights()


def save(finished: Finished, folder: Path) -> None:
    """Write everything aside, then give the folder its name; a merged model uses up the adapter."""
    staged = folder.with_name(f".{folder.name}.partial")
    with storage_errors(folder):
        shutil.rmtree(staged, ignore_errors=True)
        staged.mkdir(parents=True)
        try:
            model = _named(finished)
            settings = generation_settings(finished.model, finished.prepared)
            adapters.unwrapped(model).generation_config = settings
            model.save_pretrained(staged, **_ADAPTER_ALONE if adapters.has_adapter(model) else {})
            settings.save_pretrained(staged)
            finished.prepared.tokenizer.save_pretrained(staged)
            (staged / "README.md").write_text(finished.card, encoding="utf-8")
        except safetensors.SafetensorError as error:
            raise StorageFailed(
                f"{folder}: the weights could not be written ({error}). Free space and retry."
            ) from error
        publish_folder(staged, folder)


def _named(finished: Finished) -> Any:
    """The model as it is saved: merged where the recipe asks for it; an adapter with the name of its base."""
    if finished.config.merge:
        return adapters.merge(finished.model)
    if adapters.has_adapter(finished.model):
        # Other programs open the base by this name: a built-in one by its folder.
        finished.model.peft_config["default"].base_model_name_or_path = demo.resolve(finished.config.path)
    return finished.model


def generation_settings(model: Any, prepared: Prepared) -> GenerationConfig:
    """The model's own settings, with the stop tokens that were trained and a pad token that is not one of them."""
    settings = adapters.unwrapped(model).generation_config
    values = settings.to_diff_dict() | {
        "eos_token_id": list(prepared.stop_token_ids),
        "pad_token_id": prepared.pad_token_id,
    }
    if not values.get("do_sample"):
        # Sampling values beside greedy decoding are refused when the file is saved.
        values = {
            name: value for name, value in values.items() if name not in ("temperature", "top_p", "top_k", "min_p")
        }
    return GenerationConfig.from_dict(values)


def logits_of(model: Any, rows: Sequence[EncodedRow]) -> list[torch.Tensor]:
    """Logits of each row alone, in float32 on the CPU."""
    with inference(model):
        inputs = [torch.tensor([list(row.input_ids)], device=model.device) for row in rows]
        return [model(input_ids=ids_BT, use_cache=False).logits[0].float().cpu() for ids_BT in inputs]


def reload_check(
    config: ModelConfig,
    folder: Path,
    prepared: Prepared,
    rows: Sequence[EncodedRow],
    live_logits: Sequence[torch.Tensor],
) -> ReloadCheck:
    """Read the saved model back and compare; raises StorageFailed when it is not the model that was trained."""
    gc.collect()
    # In the precision, with the attention and on the 4-bit base that it was trained with: else those would differ.
    model = load_model(config, path=str(folder), training=True)
    saved = logits_of(model, rows)
    difference = max(float((a - b).abs().max()) for a, b in zip(saved, live_logits, strict=True))
    tolerance = _tolerance(config, model.dtype, max(float(logits.abs().max()) for logits in live_logits))
    answers = _greedy_answers(model, prepared, rows)
    check = ReloadCheck(
        max_logit_difference=difference,
        tolerance=tolerance,
        rows=len(rows),
        stopped=sum(answer.stopped for answer in answers),
        generations=len(answers),
    )
    if not difference <= tolerance:
        raise StorageFailed(
            f"{folder}: read back from disk, its logits differ from the trained model's by {difference:.3g} "
            f"(allowed: {tolerance:.3g}). Do not use it; the checkpoints are whole."
        )
    if 2 * check.stopped < check.generations:
        console.warn(
            f"{check.generations - check.stopped} of {check.generations} greedy answers did not stop on their own "
            "within twice the length of the longest response. Look at data.chat_template, or train longer."
        )
    return check


def _greedy_answers(model: Any, prepared: Prepared, rows: Sequence[EncodedRow]) -> list[Generation]:
    """Answers to the rows' first trained turn, with room for twice the tokens of the longest one."""
    prompts, longest = [], 1
    for row in rows:
        first = next(i for i, label in enumerate(row.labels) if label != NOT_TRAINED)
        if first:
            prompts.append(row.input_ids[:first])
            longest = max(longest, len(row.input_ids) - first)
    if not prompts or not prepared.stop_token_ids:
        return []
    return generate(
        model,
        prepared.tokenizer,
        prompts,
        stop_token_ids=prepared.stop_token_ids,
        max_new_tokens=min(2 * longest, _MOST_NEW_TOKENS),
    )


def _tolerance(config: ModelConfig, dtype: torch.dtype, largest_logit: float) -> float:
    if not config.merge:
        return 0.0 if dtype == torch.float32 and config.method != "qlora" else 1e-2 * max(1.0, largest_logit)
    return (1e-5 if dtype == torch.float32 else 5e-2) * max(1.0, largest_logit)
