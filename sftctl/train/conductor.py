"""When to evaluate, save and stop; and the record of every step. An observer: it never draws a random number."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback

from sftctl import console
from sftctl.train import monitor
from sftctl.train.config import TrainConfig
from sftctl.train.live import LiveTable, Now
from sftctl.train.metrics import MetricsLog
from sftctl.train.monitor import Progress
from sftctl.train.result import HeldOutLoss, Plan
from sftctl.train.signals import StopRequest
from sftctl.train.trainer import GuardedTrainer


@dataclass(frozen=True)
class Schedule:
    """The steps after which held-out loss is measured, and those after which a checkpoint is written."""

    evaluations: frozenset[int]
    saves: frozenset[int]


@dataclass(frozen=True)
class Attempt:
    """This start of a run: where it saves and records, how far an earlier start had come, and who may stop it."""

    staging: Path
    save: Callable[[int, Progress], Any]
    metrics: MetricsLog
    stop: StopRequest
    progress: Progress
    live: LiveTable | None = None


def schedule_of(config: TrainConfig, plan: Plan, *, watched: bool) -> Schedule:
    """Even steps over the run; the last one is always among them, unless the recipe asks for none."""
    evaluations = _steps(config.evaluations_per_epoch if watched else 0.0, plan)
    return Schedule(evaluations=evaluations, saves=_steps(config.checkpoints_per_epoch, plan))


def _steps(per_epoch: float, plan: Plan) -> frozenset[int]:
    if not per_epoch:
        return frozenset()
    count = max(1, round(per_epoch * plan.steps / plan.steps_per_epoch))
    return frozenset(max(1, round(plan.steps * (i + 1) / count)) for i in range(count))


class Conductor(TrainerCallback):  # type: ignore[misc]
    """The one callback with a say in the trainer's control flags."""

    def __init__(
        self, trainer: GuardedTrainer, config: TrainConfig, plan: Plan, schedule: Schedule, attempt: Attempt
    ) -> None:
        self.progress = attempt.progress
        self._trainer = trainer
        self._config = config
        self._plan = plan
        self._schedule = schedule
        self._metrics = attempt.metrics
        self._stop = attempt.stop
        self._save = attempt.save
        self._live = attempt.live
        self._began = time.perf_counter()
        self._clock = time.perf_counter()
        self.grad_norms: list[float] = []
        self.step_seconds: list[float] = []
        self.evaluation_seconds: list[float] = []
        self.learning_rates: list[float] = []
        self.step_tokens: list[int] = []
        self.stopped_by_signal = False

    @property
    def finished(self) -> bool:
        """Whether nothing is left to train: all steps done, or stopped early."""
        return self.progress.stopped is not None or self.progress.step >= self._plan.steps

    def evaluate_before_training(self) -> None:
        """The held-out loss of the model as it came: step 0 of the curve."""
        if self._schedule.evaluations:
            began = time.perf_counter()
            metrics = self._trainer.measure_held_out()
            losses = held_out_losses(metrics, 0, self._plan.steps_per_epoch)
            self.progress = monitor.with_held_out(self.progress, losses, None, None)
            self.evaluation_seconds.append(time.perf_counter() - began)
            self._metrics.held_out(losses)

    def flush(self) -> None:
        """Put what was recorded on disk, also when the run ends with an error."""
        self._metrics.flush()

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._trainer.start_epoch(state.global_step // self._plan.steps_per_epoch)

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._clock = time.perf_counter()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        step = state.global_step
        control.should_evaluate = step in self._schedule.evaluations
        control.should_save = step in self._schedule.saves
        if self._stop_everywhere():
            control.should_save = control.should_training_stop = True

    def _stop_everywhere(self) -> bool:
        """A signal to one process stops all of them after the same step."""
        if self._plan.processes == 1:
            self.stopped_by_signal = bool(self._stop)
            return self.stopped_by_signal
        accelerator = self._trainer.accelerator
        asked = torch.tensor([float(bool(self._stop))], device=accelerator.device)
        self.stopped_by_signal = bool(accelerator.gather(asked).any())
        return self.stopped_by_signal

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **kwargs: Any) -> None:
        """One line for each optimizer step."""
        if not logs or "loss" not in logs:
            return
        seconds = time.perf_counter() - self._clock
        self.step_seconds.append(seconds)
        self.grad_norms.append(float(logs["grad_norm"]))
        self.learning_rates.append(logs["learning_rate"])
        self.step_tokens.append(self._trainer.tokens_of_step)
        self.progress = monitor.with_train_loss(self.progress, state.global_step, logs["loss"])
        self.progress = self.progress.model_copy(update={"seconds": self.progress.seconds + seconds})
        self._metrics.step(state.global_step, state.global_step / self._plan.steps_per_epoch, logs, seconds)
        if state.global_step not in self._schedule.evaluations:
            self._show(measured=False)
        if self.progress.spikes[-1:] == (state.global_step,):
            self._report_spike(state.global_step, logs["loss"])

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: dict[str, Any], **kwargs: Any) -> None:
        losses = held_out_losses(metrics, state.global_step, self._plan.steps_per_epoch)
        self.evaluation_seconds.append(metrics["eval_seconds"])
        before = self.progress
        self.progress = monitor.with_held_out(
            before, losses, self._config.early_stopping, self._config.forgetting_budget
        )
        self._metrics.held_out(losses)
        self._show(measured=True)
        if self.progress.best_step == losses.step and losses.step:
            control.should_save = control.should_save or bool(self._schedule.saves)
        if self.progress.budget_exceeded_at and not before.budget_exceeded_at:
            self._warn_of_forgetting(losses)
        if self.progress.stopped:
            control.should_training_stop = True
            control.should_save = bool(self._schedule.saves)

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._metrics.flush()
        self._trainer.accelerator.wait_for_everyone()
        self._save(state.global_step, self.progress)
        self._trainer.accelerator.wait_for_everyone()

    def _show(self, *, measured: bool) -> None:
        if self._live is None or not self.step_seconds:
            return
        seconds = sum(self.step_seconds[-20:]) / len(self.step_seconds[-20:])
        tokens = sum(self.step_tokens[-20:]) / len(self.step_tokens[-20:])
        elapsed = self.progress.wall_seconds + time.perf_counter() - self._began
        now = Now(self.learning_rates[-1], tokens * self._plan.processes / seconds, seconds, elapsed)
        self._live.row(self.progress, now, measured=measured)

    def _report_spike(self, step: int, loss: float) -> None:
        within = step - 1
        per_epoch = self._plan.steps_per_epoch
        ids = self._trainer.feed.rows_of_step(within // per_epoch, within % per_epoch)
        self._metrics.spike(step, loss, ids)
        console.warn(f"step {step}: loss {loss:.3f} is far above the steps before it; its rows are in the metrics log.")

    def _warn_of_forgetting(self, losses: HeldOutLoss) -> None:
        budget = self._config.forgetting_budget
        forgetting = monitor.forgetting_of(self.progress.held_out, budget)
        if budget is None or forgetting is None:
            return
        console.warn(
            f"step {losses.step}: the general held-out loss rose by {forgetting.after - forgetting.before:.3f} nats, "
            f"more than the {budget.max_rise:g} allowed. Add general rows, lower "
            "train.learning_rate, or set train.anchor."
        )


def held_out_losses(metrics: dict[str, Any], step: int, steps_per_epoch: int) -> HeldOutLoss:
    """The trainer's flat `eval_*` names back as a record."""
    roles = {name.removeprefix("eval_role_"): value for name, value in metrics.items() if name.startswith("eval_role_")}
    sources = {
        name.removeprefix("eval_source_"): value for name, value in metrics.items() if name.startswith("eval_source_")
    }
    return HeldOutLoss(
        step=step, epoch=step / steps_per_epoch, loss=metrics["eval_loss"], by_role=roles, by_source=sources
    )
