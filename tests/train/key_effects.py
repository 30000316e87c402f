"""What each key of the train section changes in a run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from sftctl.errors import EnvironmentProblem
from sftctl.run_dir import RunDir
from sftctl.train import checkpoints, monitor, planning
from sftctl.train.anchors import pull_for
from sftctl.train.arguments import sft_config
from sftctl.train.conductor import schedule_of
from sftctl.train.config import TrainConfig
from sftctl.train.inputs import read_inputs
from sftctl.train.monitor import Progress
from sftctl.train.precision import optimizer_for
from sftctl.train.result import HeldOutLoss, Plan
from sftctl.units import cost_usd
from tests.jsonl import to_jsonl
from tests.key_effect import KeyEffect
from tests.train.rows import DATA, FULL, conversations, inputs_of

CPU = torch.device("cpu")
BF16 = FULL.model_copy(update={"dtype": "bfloat16"})


def _config(key: str, value: Any) -> TrainConfig:
    return TrainConfig.model_validate({key: value})


def _plan(config: TrainConfig) -> Plan:
    scale = planning.Scale(lengths=[40] * 400, trained=4000, max_length=64, held_out=10, device=CPU)
    return planning.make_plan(config, FULL, scale, seed=1, packing=config.packing is not False)


def _trainer_argument(key: str, *names: str) -> Callable[[Any, Path], Any]:
    """What TRL's SFTConfig is given."""

    def observe(value: Any, folder: Path) -> Any:
        config = _config(key, value)
        arguments = sft_config(config, _plan(config), folder, seed=1, device=CPU)
        return [getattr(arguments, name) for name in names]

    return observe


def _rows_of_a_run(value: Any, folder: Path) -> Any:
    run_dir = RunDir(folder / "run")
    run_dir.training_rows.parent.mkdir(parents=True)
    run_dir.training_rows.write_text(to_jsonl(conversations(3)))
    (folder / "other.jsonl").write_text(to_jsonl(conversations(2)))
    rows = None if value is None else folder / value
    return len(read_inputs(TrainConfig(rows=rows), FULL, DATA, run_dir).rows)


def _held_out_of_a_run(value: Any, folder: Path) -> Any:
    (folder / "rows.jsonl").write_text(to_jsonl(conversations(3)))
    (folder / "other.jsonl").write_text(to_jsonl(conversations(2)))
    held_out = None if value is None else folder / value
    config = TrainConfig(rows=folder / "rows.jsonl", held_out=held_out)
    return len(read_inputs(config, FULL, DATA, RunDir(folder)).held_out)


def _schedule(key: str) -> Callable[[Any, Path], Any]:
    def observe(value: Any, folder: Path) -> Any:
        config = _config(key, value)
        return schedule_of(config, _plan(config), watched=True)

    return observe


def _kept(value: Any, folder: Path) -> Any:
    for step in (1, 2, 3, 4):
        (folder / f"checkpoint-{step}").mkdir()
    checkpoints.prune(folder, _config("keep_checkpoints", value).keep_checkpoints, None)
    return sorted(path.name for path in folder.iterdir())


def _progress_with(**settings: Any) -> Callable[[Any, Path], Any]:
    """How a run with these falling, then rising losses goes on; the value under test is filled into `settings`."""
    [(key, make)] = settings.items()

    def observe(value: Any, folder: Path) -> Any:
        config = _config(key, make(value))
        progress = Progress()
        for step, loss in enumerate([2.0, 1.0, 0.95, 0.93, 0.92, 0.915]):
            roles = {"general": 1 + 0.1 * step}
            measured = HeldOutLoss(step=step, epoch=step, loss=loss, by_role=roles)
            progress = monitor.with_held_out(progress, measured, config.early_stopping, config.forgetting_budget)
            if progress.stopped:
                break
        return progress.stopped, len(progress.held_out), progress.budget_exceeded_at

    return observe


def _pulled(make: Callable[[Any], dict[str, Any]]) -> Callable[[Any, Path], Any]:
    """The gradient that the anchor adds to weights that have moved."""

    def observe(value: Any, folder: Path) -> Any:
        torch.manual_seed(0)
        inputs = inputs_of(2, general=6)
        from_general = [row for row in inputs.held_out if row.role == "general"]
        model = _tiny()
        anchor = _config("anchor", make(value)).anchor
        assert anchor is not None
        pull = pull_for(anchor, model, from_general, inputs.prepared.pad_token_id, seed=1)
        for weight in model.parameters():
            weight.data.add_(0.01)
            weight.grad = torch.zeros_like(weight)
        pull(model, 1)
        return sum(float(weight.grad.abs().sum()) for weight in model.parameters())

    return observe


def _tiny() -> Any:
    from sftctl.model.loading import load_model

    return load_model(FULL, training=True)


def _trackers(value: Any, folder: Path) -> Any:
    """The tracker that the trainer reports to, or the error that names it where it is not installed."""
    try:
        return _trainer_argument("report_to", "report_to")(value, folder)
    except EnvironmentProblem as error:
        return str(error)


def _optimizer(value: Any, folder: Path) -> Any:
    """bfloat16 weights at a high rate: plain AdamW is allowed, and otherwise torchao's is used or asked for."""
    try:
        return optimizer_for(_config("optimizer", value), BF16, CPU, 1e-3)
    except EnvironmentProblem as error:
        return str(error)


KEY_EFFECTS = [
    KeyEffect("train.rows", None, "other.jsonl", _rows_of_a_run),
    KeyEffect("train.held_out", None, "other.jsonl", _held_out_of_a_run),
    KeyEffect("train.epochs", 1, 2, _trainer_argument("epochs", "max_steps")),
    KeyEffect("train.max_steps", None, 3, _trainer_argument("max_steps", "max_steps")),
    KeyEffect("train.learning_rate", 1e-4, 2e-4, _trainer_argument("learning_rate", "learning_rate")),
    KeyEffect("train.batch_size", 8, 16, _trainer_argument("batch_size", "max_steps")),
    KeyEffect("train.batch_tokens", 400, 800, _trainer_argument("batch_tokens", "max_steps")),
    KeyEffect("train.micro_batch", 1, 8, _trainer_argument("micro_batch", "gradient_accumulation_steps")),
    KeyEffect("train.warmup", 0.0, 0.2, _trainer_argument("warmup", "warmup_steps")),
    KeyEffect("train.schedule", "cosine", "linear", _trainer_argument("schedule", "lr_scheduler_type")),
    KeyEffect("train.weight_decay", 0.0, 0.1, _trainer_argument("weight_decay", "weight_decay")),
    KeyEffect("train.optimizer", "adamw", "auto", _optimizer),
    KeyEffect("train.max_grad_norm", 0.0, 1.0, _trainer_argument("max_grad_norm", "max_grad_norm")),
    KeyEffect("train.packing", True, False, lambda value, folder: _plan(_config("packing", value)).packing),
    KeyEffect(
        "train.gradient_checkpointing", True, False,
        _trainer_argument("gradient_checkpointing", "gradient_checkpointing"),
    ),
    KeyEffect("train.evaluations_per_epoch", 0, 4, _schedule("evaluations_per_epoch")),
    KeyEffect("train.checkpoints_per_epoch", 0, 4, _schedule("checkpoints_per_epoch")),
    KeyEffect("train.keep_checkpoints", 1, 3, _kept),
    KeyEffect(
        "train.early_stopping.patience", 1, 5,
        _progress_with(early_stopping=lambda value: {"patience": value, "min_delta": 0.1}),
    ),
    KeyEffect(
        "train.early_stopping.min_delta", 0.0, 0.1,
        _progress_with(early_stopping=lambda value: {"patience": 2, "min_delta": value}),
    ),
    KeyEffect(
        "train.forgetting_budget.max_rise", 0.15, 9.0,
        _progress_with(forgetting_budget=lambda value: {"max_rise": value}),
    ),
    KeyEffect(
        "train.forgetting_budget.action", "warn", "stop",
        _progress_with(forgetting_budget=lambda value: {"max_rise": 0.15, "action": value}),
    ),
    KeyEffect("train.anchor.kind", "l2sp", "kl", _pulled(lambda value: {"kind": value})),
    KeyEffect("train.anchor.strength", 0.1, 0.2, _pulled(lambda value: {"kind": "l2sp", "strength": value})),
    KeyEffect("train.anchor.fisher_rows", 1, 6, _pulled(lambda value: {"kind": "ewc", "fisher_rows": value})),
    KeyEffect("train.anchor.rows_per_step", 1, 6, _pulled(lambda value: {"kind": "kl", "rows_per_step": value})),
    KeyEffect("train.report_to", ["tensorboard"], [], _trackers),
    KeyEffect(
        "train.gpu_hour_usd", None, 2.0,
        lambda value, folder: cost_usd(1800.0, _config("gpu_hour_usd", value).gpu_hour_usd, 4),
    ),
    KeyEffect("train.extra", {}, {"neftune_noise_alpha": 5}, _trainer_argument("extra", "neftune_noise_alpha")),
]  # fmt: skip
