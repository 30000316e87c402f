"""Rows and configurations that the training tests share: the built-in model, and a few of its own rows."""

import json
from pathlib import Path

import torch
from transformers import TrainerCallback

from sftctl.data.conversation import Conversation, content_hash
from sftctl.demo.paths import data_folder
from sftctl.model.config import LoraConfig, ModelConfig
from sftctl.model.device import pick_device
from sftctl.run_dir import RunDir
from sftctl.tokenization.config import DataConfig
from sftctl.train import planning
from sftctl.train.assembly import Assembled, TrainingSections, assemble, trainable_model
from sftctl.train.conductor import Attempt
from sftctl.train.config import TrainConfig
from sftctl.train.inputs import Inputs, encode_inputs
from sftctl.train.metrics import MetricsLog
from sftctl.train.monitor import Progress
from sftctl.train.signals import StopRequest
from tests.jsonl import to_jsonl

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


def inputs_of(rows: int = 20, held_out: int = 8, general: int = 6, model: ModelConfig = FULL) -> Inputs:
    """Tokenised rows of the built-in model."""
    watched = [*conversations(held_out), *conversations(general, "general")]
    return encode_inputs(model, DATA, conversations(rows, skip=40), watched, {})


def trainer_for(config: TrainConfig, model: ModelConfig, inputs: Inputs, folder: Path, seed: int = 17) -> Assembled:
    """The real trainer on the real model; nothing has run yet, and nothing will be saved."""
    recipe = TrainingSections(config, model, seed)
    live = trainable_model(recipe, inputs)
    scale = planning.scale_of(inputs, pick_device(model), 1)
    plan = planning.make_plan(config, model, scale, seed=seed, packing=bool(config.packing))
    attempt = Attempt(folder, lambda step, progress: None, MetricsLog(None), StopRequest(), Progress())
    return assemble(recipe, inputs, live, plan, attempt)


class Gradients(TrainerCallback):
    """Keeps the whole gradient of every step."""

    def __init__(self) -> None:
        self.of_step: list[torch.Tensor] = []

    def on_pre_optimizer_step(self, args, state, control, model=None, **kwargs) -> None:
        self.of_step.append(torch.cat([w.grad.flatten() for w in model.parameters() if w.grad is not None]))


def gradients(config: TrainConfig, model: ModelConfig, inputs: Inputs, folder: Path) -> list[torch.Tensor]:
    """One gradient a step; the rate is so small that every step sees the same weights."""
    assembled = trainer_for(
        config.model_copy(update={"learning_rate": 1e-30, "max_grad_norm": 0}), model, inputs, folder
    )
    keep = Gradients()
    assembled.trainer.add_callback(keep)
    assembled.trainer.train()
    return keep.of_step


def relative_difference(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a - b).norm() / b.norm())
