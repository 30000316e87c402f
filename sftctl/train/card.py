"""The model card: what the model is, what it was made from, how it did, and how to load it."""

import json

import yaml

from sftctl.model.config import ModelConfig
from sftctl.train.result import TrainResult


def model_card(model: ModelConfig, result: TrainResult, hashes: dict[str, str]) -> str:
    """Markdown with the front matter that model hubs read."""
    plan = result.plan
    library = "transformers" if result.saved_as != "adapter" else "peft"
    front = {
        "base_model": model.path,
        "library_name": library,
        "pipeline_tag": "text-generation",
        "tags": ["sft", "sftctl", plan.method],
        "license": "other",
        "license_name": "see the base model and the training data",
    }
    figures = {
        "rows": plan.rows,
        "trained tokens": plan.trained_tokens,
        "steps": result.steps_done,
        "weights of step": result.chosen_step,
        "train loss": round(result.train_loss, 4),
        "held-out loss": None if result.best_held_out_loss is None else round(result.best_held_out_loss, 4),
        "learning rate": plan.learning_rate,
        "examples per step": plan.batch_size,
    }
    lines = [f"| {name} | {'not measured' if value is None else value} |" for name, value in figures.items()]
    data = [f"| {name} | `{digest}` |" for name, digest in sorted(hashes.items())]
    return "\n".join(
        [
            "---",
            yaml.safe_dump(front, sort_keys=False).strip(),
            "---",
            f"# {model.path}, fine-tuned ({plan.method})",
            "",
            "Made with sftctl. Losses are in nats per trained token.",
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
            json.dumps(model.model_dump(mode="json"), indent=2),
            "```",
            "",
        ]
    )
