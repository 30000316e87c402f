"""The lines that load and serve a model folder: printed when training ends, and written into the model card."""

from pathlib import Path

from sftctl.demo import paths as demo
from sftctl.model.config import ModelConfig


def how_to_use(model: ModelConfig, folder: Path | str) -> tuple[str, str]:
    """`load: ...` for Python and `serve: ...` for a shell; an adapter names its base."""
    if model.method == "full" or model.merge:
        return (
            f"load:  transformers.AutoModelForCausalLM.from_pretrained({str(folder)!r})",
            f"serve: vllm serve {folder}",
        )
    return (
        f"load:  peft.AutoPeftModelForCausalLM.from_pretrained({str(folder)!r})",
        f"serve: vllm serve {demo.resolve(model.path)} --enable-lora --lora-modules tuned={folder}",
    )
