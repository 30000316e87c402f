"""The first steps of the run that the recipe describes: the same pipeline as `train`, watched closely."""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from accelerate.utils import broadcast_object_list
from transformers import TrainerCallback

from sftctl.errors import SftctlError
from sftctl.model.device import pick_device
from sftctl.model.peak_memory import mark_memory
from sftctl.tokenization.config import DataConfig
from sftctl.train import checkpoints, launch, planning
from sftctl.train.assembly import (
    Assembled,
    TrainingSections,
    assemble,
    model_of,
    out_of_memory_explained,
    trainable_model,
)
from sftctl.train.conductor import Attempt
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
class TrialSave:
    """What the trainer's own save left."""

    folder: Path
    size_bytes: int
    seconds: float


@dataclass(frozen=True)
class Limits:
    """How far to go: at most so many steps or seconds, on a sample of `rows` rows that begins with the longest."""

    steps: int
    seconds: float
    first_rows: int
    rows: int


@dataclass(frozen=True)
class Rehearsal:
    """What happened; `stopped_by` is the error that ended it before its time, `model` what the steps left.

    `out_of_time`: the time limit ended it with steps still to do.
    `setup_seconds` is all but loading, steps and saving: the packing self-test, the trainer, its first preparations.
    """

    plan: Plan
    full_plan: Plan
    steps: list[Step]
    checkpoint: TrialSave | None
    stopped_by: SftctlError | None
    out_of_time: bool
    peak_memory_bytes: int
    loading_seconds: float
    setup_seconds: float
    model: Any


@dataclass(frozen=True)
class Subject:
    """What is rehearsed: a recipe, a sample of its rows, and all of its rows."""

    recipe: TrainingSections
    data: DataConfig
    sample: Inputs
    whole: Inputs


def rehearse(subject: Subject, scratch: Path, limits: Limits, before: Callable[[Any], None]) -> Rehearsal:
    """Train on the sample until a limit; a real checkpoint of the last step stays in `scratch`.

    `before` is handed the model as it came. What `train` would raise ends the steps and is returned.
    """
    recipe = subject.recipe
    if not launch.rank():
        shutil.rmtree(scratch, ignore_errors=True)
    began = time.perf_counter()
    mark = mark_memory(pick_device(recipe.model))
    model = trainable_model(recipe, subject.sample)
    loading_seconds = time.perf_counter() - began
    before(model)
    began = time.perf_counter()
    packing = planning.decide_packing(recipe.train, model, subject.sample)
    rehearsed = Subject(_shortened(recipe, limits), subject.data, subject.sample, subject.sample)
    full_plan, plan = _plan(subject, packing), _plan(rehearsed, packing)
    # As many micro-batches a step as the full run will have, so that a step takes as long.
    plan = _longest_first(plan, rehearsed, limits)
    most = max(full_plan.micro_batches_per_step, plan.micro_batches_per_step)
    plan = plan.model_copy(update={"micro_batches_per_step": most})
    saved: list[Path] = []
    attempt = _attempt(scratch, saved)
    assembled = assemble(rehearsed.recipe, subject.sample, model, plan, attempt, first_rows=limits.first_rows)
    watch = _Watch(assembled, limits.seconds)
    assembled.trainer.add_callback(watch)
    stopped_by = _trained(assembled, plan, scratch)
    setup_seconds = time.perf_counter() - began - sum(step.seconds for step in watch.steps) - watch.save_seconds
    return Rehearsal(
        plan=plan,
        full_plan=full_plan,
        stopped_by=stopped_by,
        out_of_time=watch.out_of_time,
        steps=watch.steps,
        checkpoint=_checkpoint(saved, watch.save_seconds),
        peak_memory_bytes=mark.growth_bytes(),
        loading_seconds=loading_seconds,
        setup_seconds=setup_seconds,
        model=model_of(assembled.trainer).eval(),
    )


def _trained(assembled: Assembled, plan: Plan, scratch: Path) -> SftctlError | None:
    """Run the steps; the error that ended them, if one did."""
    try:
        with checkpoints.saving_errors(scratch), out_of_memory_explained(plan):
            assembled.trainer.train()
    except SftctlError as error:
        return error
    return None


def _attempt(scratch: Path, saved: list[Path]) -> Attempt:
    def publish(step: int, progress: Progress) -> None:
        if launch.rank():
            return
        saved.append(checkpoints.publish(scratch, step, {}, progress))

    return Attempt(scratch / checkpoints.STAGING, publish, MetricsLog(None), StopRequest(), Progress())


def _shortened(recipe: TrainingSections, limits: Limits) -> TrainingSections:
    """The recipe's own training, ended early; the last step writes the only checkpoint."""
    changes = {
        "epochs": 1000.0,
        "max_steps": limits.steps,
        "early_stopping": None,
        "report_to": (),
        "evaluations_per_epoch": 0.0,
        "checkpoints_per_epoch": 1e-9,
    }
    return TrainingSections(recipe.train.model_copy(update=changes), recipe.model, recipe.seed)


def _plan(subject: Subject, packing: bool) -> Plan:
    recipe = subject.recipe
    return planning.complete_plan(
        recipe.train, recipe.model, subject.data, subject.whole, seed=recipe.seed, packing=packing
    )


def _longest_first(plan: Plan, subject: Subject, limits: Limits) -> Plan:
    """The plan with the steps and micro-batches that the sample needs when its longest rows come first."""
    recipe = subject.recipe
    device = pick_device(recipe.model)
    scale = planning.scale_of(subject.sample, device, launch.processes(), first_rows=limits.first_rows)
    return planning.with_steps(plan, scale, recipe.train.epochs, seed=recipe.seed)


def _checkpoint(saved: list[Path], seconds: float) -> TrialSave | None:
    if not saved:
        return None
    size = sum(path.stat().st_size for path in saved[-1].rglob("*") if path.is_file())
    return TrialSave(saved[-1], size, seconds)


def _decided_by_process_0(late: bool) -> bool:
    """Clocks differ, and a process that stops alone would leave the others waiting."""
    if launch.processes() == 1:
        return late
    shared = [late]
    broadcast_object_list(shared)
    return shared[0]


@dataclass
class _Watch(TrainerCallback):  # type: ignore[misc]
    """Times each step, and ends the run at the time limit; sees, and never draws."""

    assembled: Assembled
    limit_seconds: float
    steps: list[Step] = field(default_factory=list)
    save_seconds: float = 0.0
    out_of_time: bool = False
    _run_began: float = 0.0
    _step_began: float = 0.0
    _step_ended: float = 0.0

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._run_began = self._step_ended = time.perf_counter()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """A step begins where the one before it ended: reading its rows is part of it."""
        self._step_began, self._step_ended = self._step_ended, time.perf_counter()
        late = _decided_by_process_0(self._step_ended - self._run_began > self.limit_seconds)
        if late and not control.should_training_stop:
            control.should_training_stop = control.should_save = self.out_of_time = True

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
