"""Our section of the recipe in the words of TRL's SFTConfig."""

import dataclasses
import importlib.util
from pathlib import Path
from typing import Any

import torch
from trl import SFTConfig

from sftctl.errors import EnvironmentProblem
from sftctl.train.config import TrainConfig
from sftctl.train.precision import optimizer_settings
from sftctl.train.result import Plan

CHECKPOINTING = (
    "activation_checkpointing"
    if "activation_checkpointing" in {field.name for field in dataclasses.fields(SFTConfig)}
    else "gradient_checkpointing"
)
"""transformers 5.23 renamed it, and warns of the old name."""

_SCHEDULES = {"cosine": "cosine", "linear": "linear", "constant": "constant_with_warmup"}


def sft_config(config: TrainConfig, plan: Plan, staging: Path, *, seed: int, device: torch.device) -> SFTConfig:
    """Evaluation, saving, early stopping and stop-on-signal are ours: the trainer's own are switched off."""
    settings: dict[str, Any] = {
        "output_dir": str(staging),
        "seed": seed,
        "max_steps": plan.steps,
        "num_train_epochs": plan.epochs,
        "per_device_train_batch_size": 1,
        "gradient_accumulation_steps": plan.micro_batches_per_step,
        "learning_rate": plan.learning_rate,
        "lr_scheduler_type": _SCHEDULES[config.schedule],
        "warmup_steps": warmup_steps(config.warmup, plan.steps),
        "weight_decay": config.weight_decay,
        "max_grad_norm": config.max_grad_norm,
        CHECKPOINTING: plan.gradient_checkpointing,
        f"{CHECKPOINTING}_kwargs": {"use_reentrant": False} if plan.gradient_checkpointing else None,
        "bf16": device.type == "cuda",
        "use_cpu": device.type == "cpu",
        "packing": False,
        "max_length": None,
        "dataset_kwargs": {"skip_prepare_dataset": True},
        "eval_strategy": "no",
        "save_strategy": "no",
        "logging_strategy": "steps",
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "disable_tqdm": True,
        "report_to": list(config.report_to) or "none",
        "dataloader_pin_memory": device.type == "cuda",
        # Every trainable tensor is seen to get a gradient: guards.LearningGuard.
        "ddp_find_unused_parameters": False,
    }
    _require_trackers(config)
    settings |= optimizer_settings(plan.optimizer)
    return SFTConfig(**(settings | config.extra))


def _require_trackers(config: TrainConfig) -> None:
    for tracker in config.report_to:
        if importlib.util.find_spec(tracker) is None:
            raise EnvironmentProblem(
                f"train.report_to names {tracker}, which is not installed: pip install "
                "'sftctl[trackers]', or remove it."
            )


def warmup_steps(share: float, steps: int) -> int:
    """At least one step where a share is asked for; none where it is 0."""
    return max(1, round(share * steps)) if share else 0
