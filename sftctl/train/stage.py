"""Train: rows -> tokens -> TRL's trainer under guard -> the best weights, saved and read back."""

import time
from dataclasses import dataclass
from typing import Any, Literal

import torch

from sftctl import console
from sftctl.errors import Interrupted
from sftctl.model.config import ModelConfig
from sftctl.model.device import pick_device
from sftctl.model.peak_memory import MemoryMark, mark_memory
from sftctl.run_dir import RunDir, write_json
from sftctl.tokenization.config import DataConfig
from sftctl.train import checkpoints, fingerprint, launch, planning, publishing, sharding
from sftctl.train.assembly import (
    Assembled,
    TrainingSections,
    assemble,
    model_of,
    out_of_memory_explained,
    release,
    trainable_model,
    training_model,
)
from sftctl.train.card import Made, model_card
from sftctl.train.checkpoints import Checkpoint
from sftctl.train.conductor import Attempt
from sftctl.train.config import TrainConfig
from sftctl.train.fingerprint import Origin
from sftctl.train.inputs import Inputs, read_inputs
from sftctl.train.live import LiveTable
from sftctl.train.metrics import MetricsLog
from sftctl.train.monitor import Progress
from sftctl.train.outcome import Clock, outcome_of, read_forecast
from sftctl.train.result import Plan, TrainResult
from sftctl.train.resuming import checkpoint_to_resume
from sftctl.train.rounding import changes_in_words, rounded_by
from sftctl.train.signals import StopRequest, stop_on_signal
from sftctl.units import cost_usd

Resume = Literal["auto", "never"]


@dataclass(frozen=True)
class _Start:
    """This start of the run: the checkpoint it goes on from, what the run is made from, and its clock."""

    recipe: TrainingSections
    data: DataConfig
    inputs: Inputs
    run_dir: RunDir
    made_from: dict[str, str]
    checkpoint: Checkpoint | None
    clock: Clock


def train(  # noqa: PLR0913 - the face that every stage has, and the two ways to begin
    config: TrainConfig,
    model: ModelConfig,
    data: DataConfig,
    run_dir: RunDir,
    seed: int,
    *,
    resume: Resume = "auto",
    overwrite: bool = False,
) -> TrainResult:
    """Train, or go on training; leaves model/, checkpoints/ and logs/. Exit codes are those of the errors raised."""
    if torch.cuda.is_available():
        torch.cuda.set_device(launch.local_rank())
    sharding.refuse_unsupported(config)
    inputs = read_inputs(config, model, data, run_dir)
    origin = Origin(config, model, data, inputs.hashes)
    made_from = fingerprint.of_weights(origin, seed)
    checkpoint = None if overwrite or resume == "never" else checkpoint_to_resume(run_dir, made_from)
    clock = Clock(time.perf_counter(), checkpoint.manifest.progress.wall_seconds if checkpoint else 0.0)
    start = _Start(TrainingSections(config, model, seed), data, inputs, run_dir, made_from, checkpoint, clock)
    plan = _planned(start)
    # Set here, as in the smoke test, so that forecast and actual count the same: what holds the model and its training.
    memory = mark_memory(pick_device(model))
    with stop_on_signal() as stop:
        assembled = _assembled(start, plan, stop, memory)
        _run(assembled, start)
        if assembled.conductor.stopped_by_signal and not assembled.conductor.finished:
            name = stop.signal.name if stop.signal else "the time limit"
            raise Interrupted(
                f"stopped by {name} after step {assembled.conductor.progress.step}; progress is saved in "
                f"{run_dir.checkpoints}. Run the same command again to go on."
            )
        result = _finished_by_process_0(assembled, start, memory)
        if stop.signal is not None:
            raise Interrupted(
                f"stopped by {stop.signal.name}, after the model was saved in {run_dir.model}. "
                "Run the same command again to go on.",
                stage_done=True,
            )
        return result


def _make_room(start: _Start) -> None:
    """Clear what this start will write again; only now, when nothing can be refused any more."""
    folder, found = start.run_dir.checkpoints, start.checkpoint
    checkpoints.clear_staging(folder)
    if found is None:
        checkpoints.clear_all(folder)
        return
    checkpoints.clear_after(folder, found.manifest.step)
    console.say(f"going on after step {found.manifest.step}, from {found.path}")
    changed = changes_in_words(found.manifest.rounded_by, rounded_by(start.recipe.train, start.recipe.model))
    if changed:
        console.warn(
            f"{found.path} was written with {changed}. The run goes on, but may not end with the same bits as without "
            "the stop. If you need those, stop it and go on as before."
        )


def _planned(start: _Start, *, packing: bool | None = None) -> Plan:
    """The plan as the rows suggest it; with `packing` where the self-test decided otherwise."""
    config, model = start.recipe.train, start.recipe.model
    if packing is None:
        packing = planning.packing_wanted(config, pick_device(model), start.inputs)
    return planning.complete_plan(config, model, start.data, start.inputs, seed=start.recipe.seed, packing=packing)


def _assembled(start: _Start, plan: Plan, stop: StopRequest, memory: MemoryMark) -> Assembled:
    """Model and trainer, with all that this start must write and remember."""
    config = start.recipe.train
    live = trainable_model(start.recipe, start.inputs)
    packing = planning.decide_packing(config, live, start.inputs)
    if packing != plan.packing:
        plan = _planned(start, packing=packing)
    if not launch.rank():
        planning.show(plan)
        _make_room(start)
    progress = start.checkpoint.manifest.progress if start.checkpoint else Progress()
    metrics = MetricsLog(None if launch.rank() else start.run_dir.metrics)
    metrics.cut_after(progress.step if start.checkpoint else -1)
    folder = start.run_dir.checkpoints

    def save(step: int, now: Progress) -> None:
        if launch.rank():
            return
        timed = now.model_copy(update={"wall_seconds": start.clock.seconds()})
        rounding = rounded_by(config, start.recipe.model)
        checkpoints.publish(folder, step, start.made_from, timed, rounded_by=rounding)
        checkpoints.prune(folder, config.keep_checkpoints, now.best_step)

    live_table = None if launch.rank() else LiveTable(plan, memory, config.gpu_hour_usd)
    attempt = Attempt(folder / checkpoints.STAGING, save, metrics, stop, progress, live_table)
    return assemble(start.recipe, start.inputs, live, plan, attempt)


def _run(assembled: Assembled, start: _Start) -> None:
    """Train until the end, an early stop or a signal."""
    conductor, trainer = assembled.conductor, assembled.trainer
    if start.checkpoint is not None and conductor.finished:
        publishing.load_weights(trainer.model, start.checkpoint.path)
        return
    try:
        if start.checkpoint is None:
            conductor.evaluate_before_training()
        with out_of_memory_explained(assembled.plan), checkpoints.saving_errors(start.run_dir.checkpoints):
            trainer.train(resume_from_checkpoint=str(start.checkpoint.path) if start.checkpoint else None)
    finally:
        conductor.flush()
        if not launch.rank():
            checkpoints.clear_staging(start.run_dir.checkpoints)


def _finished_by_process_0(assembled: Assembled, start: _Start, memory: MemoryMark) -> TrainResult:
    accelerator = assembled.trainer.accelerator
    weights = sharding.whole_weights(assembled.trainer) if launch.sharded() else None
    result = None if launch.rank() else _finish(assembled, start, memory, weights)
    accelerator.wait_for_everyone()
    accelerator.end_training()
    return result or TrainResult.model_validate_json(start.run_dir.train_result.read_bytes())


def _finish(
    assembled: Assembled, start: _Start, memory: MemoryMark, weights: dict[str, torch.Tensor] | None
) -> TrainResult:
    """Save the best weights, read them back, and write down what happened; `weights` are those of a sharded run."""
    recipe, run_dir, prepared = sharding.whole_recipe(start.recipe), start.run_dir, start.inputs.prepared
    peak_memory_bytes = memory.growth_bytes()
    model = model_of(assembled.trainer)
    if weights is not None:
        model = sharding.whole_model(recipe, start.inputs, weights)
    chosen = _choose_weights(model, assembled.conductor.progress, run_dir)
    result = outcome_of(recipe, start.inputs, assembled, start.checkpoint, chosen)
    origin = Origin(start.recipe.train, start.recipe.model, start.data, start.inputs.hashes)
    work = fingerprint.of_work(origin, result.plan)
    result = result.model_copy(update={"forecast": read_forecast(run_dir, work)})
    rows = start.inputs.rows[: publishing.CHECK_ROWS]
    live_logits = publishing.logits_of(model, rows)
    card = model_card(Made(recipe.train, recipe.model, start.data, recipe.seed), result, start.inputs.hashes)
    publishing.save(publishing.Finished(model, prepared, recipe.model, card), run_dir.model)
    release(assembled, model)
    check = publishing.reload_check(training_model(recipe), run_dir.model, prepared, rows, live_logits)
    seconds = start.clock.seconds()
    result = result.model_copy(
        update={
            "reload": check,
            "seconds": seconds,
            "peak_memory_bytes": peak_memory_bytes,
            "cost_usd": cost_usd(seconds, recipe.train.gpu_hour_usd, result.plan.processes),
        }
    )
    write_json(run_dir.train_result, result.model_dump())
    unseen = f"the weights kept are the last ones, of step {chosen}: nothing is held out to choose by."
    console.say(result.overfitting.sentence if result.overfitting else unseen)
    return result


def _choose_weights(model: Any, progress: Progress, run_dir: RunDir) -> int:
    """Put in the weights of the lowest held-out loss ever, where its checkpoint is whole; else keep the last."""
    if progress.best_step is None or progress.best_step == progress.step:
        return progress.step
    best = checkpoints.at_step(run_dir.checkpoints, progress.best_step)
    if best is None:
        console.warn(
            f"the checkpoint of the best step {progress.best_step} is gone or damaged; the last weights are saved"
        )
        return progress.step
    publishing.load_weights(model, best.path)
    return progress.best_step
