"""The first steps of the run that the recipe describes: the same pipeline as `train`, watched closely."""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from transformers import TrainerCallback

from sftctl.errors import SftctlError, StorageFailed
from sftctl.model.loading import pick_device
from sftctl.model.peak_memory import mark_memory
from sftctl.run_dir import storage_errors
from sftctl.train import checkpoints, planning
from sftctl.train.assembly import Assembled, Recipe, assemble, model_of, out_of_memory_explained, trainable_model
from sftctl.train.conductor import Session
from sftctl.train.inputs import Inputs
from sftctl.train.metrics import MetricsLog
from sftctl.train.monitor import Progress
from sftctl.train.result import Plan
from sftctl.train.signals import StopRequest


@dataclass(frozen=True, slots=True)
class Step:
    """One optimizer step: loss in nats per trained token, gradient norm before clipping, real tokens in its rows."""

    loss: float
    gradient_norm: float
    learning_rate: float
    seconds: float
    tokens: int


@dataclass(frozen=True)
class Checkpoint:
    """What the trainer's own save left."""

    folder: Path
    size_bytes: int
    seconds: float


@dataclass(frozen=True)
class Limits:
    """How far to go."""

    steps: int
    seconds: float
    first_rows: int


@dataclass(frozen=True)
class Rehearsal:
    """What happened; `stopped_by` is the error that ended it before its time, `model` what the steps left."""

    plan: Plan
    full_plan: Plan
    steps: list[Step]
    checkpoint: Checkpoint | None
    stopped_by: SftctlError | None
    peak_memory_bytes: int
    loading_seconds: float
    model: Any


def rehearse(
    recipe: Recipe,
    inputs: Inputs,
    whole: Inputs,
    scratch: Path,
    limits: Limits,
    before: Callable[[Any], None],
) -> Rehearsal:
    """Train on `inputs`, a sample of `whole`, until a limit; a real checkpoint of the last step stays in `scratch`.

    `before` is handed the model as it came. What `train` would raise ends the steps and is returned.
    """
    device = pick_device(recipe.model)
    began = time.perf_counter()
    mark = mark_memory(device)
    model = trainable_model(recipe, inputs)
    loading_seconds = time.perf_counter() - began
    before(model)
    rehearsed = Recipe(_shortened(recipe, limits), recipe.model, recipe.seed)
    packing = planning.decide_packing(recipe.train, model, inputs)
    full_plan = _plan(recipe, whole, model, packing)
    plan = _plan(rehearsed, inputs, model, packing, first_rows=limits.first_rows)
    # As many micro-batches a step as the full run will have, so that a step takes as long.
    most = max(plan.micro_batches_per_step, full_plan.micro_batches_per_step)
    plan = plan.model_copy(update={"micro_batches_per_step": most})
    saved: list[Path] = []
    session = Session(
        scratch / checkpoints.STAGING,
        lambda step, progress: saved.append(checkpoints.publish(scratch, step, {}, progress)),
        MetricsLog(None),
        StopRequest(),
        Progress(),
    )
    assembled = assemble(rehearsed, inputs, model, plan, session, first_rows=limits.first_rows)
    watch = _Watch(assembled, limits.seconds)
    assembled.trainer.add_callback(watch)
    stopped_by: SftctlError | None = None
    shutil.rmtree(scratch, ignore_errors=True)
    try:
        with storage_errors(scratch), out_of_memory_explained(plan):
            assembled.trainer.train()
    except SftctlError as error:
        stopped_by = error
    except SafetensorError as error:
        stopped_by = StorageFailed(f"{scratch}: the checkpoint could not be written ({error}). Free disk space.")
    return Rehearsal(
        plan=plan,
        full_plan=full_plan,
        steps=watch.steps,
        checkpoint=_checkpoint(saved, watch.save_seconds),
        stopped_by=stopped_by,
        peak_memory_bytes=mark.growth_bytes(),
        loading_seconds=loading_seconds,
        model=model_of(assembled.trainer).eval(),
    )


def _shortened(recipe: Recipe, limits: Limits) -> Any:
    """The recipe's own training, ended early; the last step writes the only checkpoint."""
    changes = {
        "epochs": 1000.0,
        "max_steps": limits.steps,
        "early_stopping": None,
        "report_to": (),
        "evaluations_per_epoch": 0.0,
        "checkpoints_per_epoch": 1e-9,
    }
    return recipe.train.model_copy(update=changes)


def _plan(recipe: Recipe, inputs: Inputs, model: Any, packing: bool, first_rows: int = 0) -> Plan:
    scale = planning.scale_of(inputs, pick_device(recipe.model), 1, model, first_rows=first_rows)
    return planning.make_plan(recipe.train, recipe.model, scale, seed=recipe.seed, packing=packing)


def _checkpoint(saved: list[Path], seconds: float) -> Checkpoint | None:
    if not saved:
        return None
    size = sum(path.stat().st_size for path in saved[-1].rglob("*") if path.is_file())
    return Checkpoint(saved[-1], size, seconds)


@dataclass
class _Watch(TrainerCallback):  # type: ignore[misc]
    """Times each step, and ends the run at the time limit; sees, and never draws."""

    assembled: Assembled
    limit_seconds: float
    steps: list[Step] = field(default_factory=list)
    save_seconds: float = 0.0
    _run_began: float = 0.0
    _step_began: float = 0.0
    _step_ended: float = 0.0

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._run_began = time.perf_counter()

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._step_began = time.perf_counter()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._step_ended = time.perf_counter()
        if self._step_ended - self._run_began > self.limit_seconds and not control.should_training_stop:
            control.should_training_stop = control.should_save = True

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **kwargs: Any) -> None:
        """Called after on_step_end, with the figures of the step."""
        if not logs or "loss" not in logs:
            return
        self.steps.append(
            Step(
                loss=logs["loss"],
                gradient_norm=float(logs["grad_norm"]),
                learning_rate=logs["learning_rate"],
                seconds=self._step_ended - self._step_began,
                tokens=self._tokens_of(state.global_step - 1),
            )
        )

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Called after the checkpoint was published."""
        self.save_seconds = time.perf_counter() - self._step_ended

    def _tokens_of(self, step: int) -> int:
        per_epoch = self.assembled.plan.steps_per_epoch
        feed = self.assembled.trainer.feed
        window = feed.batches_of(step // per_epoch).windows[step % per_epoch]
        return sum(len(feed.rows[row].input_ids) for process in window for batch in process for row in batch)
