"""Rows and configurations that the training tests share: the built-in model, and a few of its own rows."""

import json
from pathlib import Path

from sftctl.data.conversation import Conversation, content_hash, to_jsonl
from sftctl.demo.paths import data_folder
from sftctl.model.config import LoraConfig, ModelConfig
from sftctl.run_dir import RunDir
from sftctl.tokenization.config import DataConfig
from sftctl.train.config import TrainConfig

FULL = ModelConfig(path="builtin:tiny", method="full", device="cpu")
LORA = ModelConfig(path="builtin:tiny", method="lora", device="cpu", lora=LoraConfig(r=4, dropout=0.1))
DATA = DataConfig(max_length=256)


def conversations(count: int, role: str = "domain", skip: int = 0) -> list[Conversation]:
    """Rows of one role from the built-in held-out file, which is well-formed throughout."""
    lines = (data_folder() / "held_out.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [row for row in map(json.loads, lines) if row["role"] == role][skip : skip + count]
    return [
        Conversation(f"{content_hash(row['messages'])}-{number}", tuple(row["messages"]), role, role)  # type: ignore[arg-type]
        for number, row in enumerate(rows)
    ]


def run_with_rows(folder: Path, rows: int = 48, held_out: int = 12, general: int = 8) -> RunDir:
    """A run directory as curate leaves it."""
    run_dir = RunDir(folder)
    run_dir.training_rows.parent.mkdir(parents=True)
    run_dir.training_rows.write_text(to_jsonl(conversations(rows, skip=40)))
    watched = [*conversations(held_out), *conversations(general, "general")]
    if watched:
        run_dir.held_out_rows.write_text(to_jsonl(watched))
    return run_dir


def short(**changes: object) -> TrainConfig:
    """Few steps, nothing optional."""
    settings = {"epochs": 1, "batch_size": 8, "learning_rate": 1e-3, "packing": True} | changes
    return TrainConfig.model_validate(settings)
