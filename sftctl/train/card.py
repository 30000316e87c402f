"""The model card: what the model is, what it was made from, how it did, and how to load it."""

import json
from dataclasses import dataclass
from typing import Any

import yaml

from sftctl.model.config import ModelConfig
from sftctl.model.use import how_to_use
from sftctl.tokenization.config import DataConfig
from sftctl.train.config import TrainConfig
from sftctl.train.result import TrainResult


@dataclass(frozen=True)
class Made:
    """The sections of the recipe that the model was made by."""

    train: TrainConfig
    model: ModelConfig
    data: DataConfig
    seed: int


def model_card(made: Made, result: TrainResult, hashes: dict[str, str]) -> str:
    """Markdown with the front matter that model hubs read; `library_name` says what opens the folder."""
    plan, model = result.plan, made.model
    library = "transformers" if result.saved_as != "adapter" else "peft"
    front = {
        "base_model": model.path,
        "library_name": library,
        "pipeline_tag": "text-generation",
        "tags": ["sft", "sftctl", plan.method],
        "license": "other",
        "license_name": "see the base model and the training data",
    }
    lines = [f"| {name} | {'not measured' if value is None else value} |" for name, value in _figures(result).items()]
    data = [f"| {name} | `{digest}` |" for name, digest in sorted(hashes.items())]
    load, serve = how_to_use(model, "PATH_OF_THIS_FOLDER")
    return "\n".join(
        [
            "---",
            yaml.safe_dump(front, sort_keys=False).strip(),
            "---",
            f"# {model.path}, fine-tuned ({plan.method})",
            "",
            "Made with sftctl. Losses are in nats per trained token.",
            "",
            f"    {load}",
            f"    {serve}",
            "",
            "| | |",
            "|---|---|",
            *lines,
            "",
            "## Data",
            "| file | SHA-256 |",
            "|---|---|",
            *data,
            "",
            "## Settings",
            "```json",
            json.dumps(_settings(made), indent=2),
            "```",
            "",
        ]
    )


def _settings(made: Made) -> dict[str, Any]:
    sections = {"model": made.model, "data": made.data, "train": made.train}
    return {"seed": made.seed} | {name: section.model_dump(mode="json") for name, section in sections.items()}


def _figures(result: TrainResult) -> dict[str, float | None]:
    plan, held_out = result.plan, {measured.step: measured.loss for measured in result.held_out}
    kept = held_out.get(result.chosen_step)
    return {
        "rows": plan.rows,
        "trained tokens": plan.trained_tokens,
        "steps": result.steps_done,
        "weights of step": result.chosen_step,
        "train loss": round(result.train_loss, 4),
        "held-out loss": None if kept is None else round(kept, 4),
        "learning rate": plan.learning_rate,
        "examples per step": plan.batch_size,
    }
