"""Train: rows -> tokens -> TRL's trainer under guard -> the best weights, saved and read back."""

import resource
import sys
import time
from dataclasses import dataclass
from typing import Any, Literal

import torch

from sftctl import console
from sftctl.errors import Interrupted, OutOfMemory
from sftctl.model.config import ModelConfig
from sftctl.model.loading import pick_device
from sftctl.run_dir import RunDir, write_json
from sftctl.tokenization.config import DataConfig
from sftctl.train import checkpoints, monitor, planning, publishing
from sftctl.train.assembly import Assembled, Recipe, assemble, trainable_model
from sftctl.train.card import model_card
from sftctl.train.checkpoints import Checkpoint
from sftctl.train.conductor import Session
from sftctl.train.config import TrainConfig
from sftctl.train.inputs import Inputs, read_inputs
from sftctl.train.metrics import MetricsLog
from sftctl.train.monitor import Progress
from sftctl.train.result import Plan, TrainResult
from sftctl.train.resuming import checkpoint_to_resume, made_from
from sftctl.train.signals import StopRequest, stop_on_signal

Resume = Literal["auto", "never"]


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
    recipe = Recipe(config, model, seed)
    inputs = read_inputs(config, model, data, run_dir)
    origin = made_from(config, model, data, seed=seed, hashes=inputs.hashes)
    start = _starting_point(run_dir, origin, resume=resume, overwrite=overwrite)
    live = trainable_model(recipe, inputs)
    plan = planning.make_plan(
        config,
        model,
        planning.scale_of(inputs, pick_device(model), 1, live),
        seed=seed,
        packing=config.packing is not False,
    )
    _announce(plan, live)
    with stop_on_signal() as stop:
        session = _session(run_dir, origin, start, config, stop)
        assembled = assemble(recipe, inputs, live, plan, session)
        timing = _run(assembled, start, session)
    if stop and not assembled.conductor.finished:
        step = assembled.conductor.progress.step
        raise Interrupted(
            f"stopped by {stop.signal.name if stop.signal else 'a signal'} after step {step}; "
            f"progress is saved in {run_dir.checkpoints}. Run the same command again to go on."
        )
    return _finish(recipe, inputs, assembled, run_dir, _Ending(start, timing))


@dataclass(frozen=True)
class _Ending:
    start: Checkpoint | None
    seconds: float


def _starting_point(run_dir: RunDir, origin: dict[str, str], *, resume: Resume, overwrite: bool) -> Checkpoint | None:
    checkpoints.clear_staging(run_dir.checkpoints)
    if resume == "never" or overwrite:
        checkpoints.clear_all(run_dir.checkpoints)
        return None
    start = checkpoint_to_resume(run_dir, origin)
    if start is not None:
        checkpoints.clear_after(run_dir.checkpoints, start.manifest.step)
        console.say(f"going on after step {start.manifest.step}, from {start.path}")
    else:
        checkpoints.clear_all(run_dir.checkpoints)
    return start


def _session(
    run_dir: RunDir, origin: dict[str, str], start: Checkpoint | None, config: TrainConfig, stop: StopRequest
) -> Session:
    progress = start.manifest.progress if start else Progress()
    metrics = MetricsLog(run_dir.metrics)
    metrics.cut_after(progress.step if start else -1)

    def save(step: int, now: Progress) -> None:
        checkpoints.publish(run_dir.checkpoints, step, origin, now)
        checkpoints.prune(run_dir.checkpoints, config.keep_checkpoints, now.best_step)

    return Session(run_dir.checkpoints / checkpoints.STAGING, save, metrics, stop, progress)


def _run(assembled: Assembled, start: Checkpoint | None, session: Session) -> float:
    """Train until the end, an early stop or a signal; returns the seconds since this start."""
    began = time.perf_counter()
    conductor, trainer = assembled.conductor, assembled.trainer
    if start is not None and conductor.finished:
        publishing.load_weights(trainer.model, start.path)
        return 0.0
    if start is None:
        conductor.evaluate_before_training()
    try:
        trainer.train(resume_from_checkpoint=str(start.path) if start else None)
    except torch.OutOfMemoryError as error:
        raise OutOfMemory(_lower_what(assembled.plan)) from error
    finally:
        session.metrics.flush()
    return time.perf_counter() - began


def _lower_what(plan: Plan) -> str:
    half = max(1, plan.micro_batch_tokens // plan.max_length // 2)
    if plan.micro_batch_tokens > plan.max_length:
        advice = f"Set train.micro_batch={half}: half of what is held at once now, with the same result."
    elif not plan.gradient_checkpointing:
        advice = "Set train.gradient_checkpointing=true: slower, with the same result."
    else:
        advice = f"Set data.max_length={plan.max_length // 2}, model.method=lora, or take a larger device."
    return f"the device ran out of memory with {plan.micro_batch_tokens} tokens at once. {advice}"


def _announce(plan: Plan, live: Any) -> None:
    console.say(
        f"{plan.rows} rows, {plan.trained_tokens:,} trained tokens, {plan.steps} steps of {plan.batch_size} examples, "
        f"learning rate {plan.learning_rate:g}, {planning.adapter_share(live)}, on {plan.device}"
    )


def _finish(recipe: Recipe, inputs: Inputs, assembled: Assembled, run_dir: RunDir, ending: _Ending) -> TrainResult:
    progress, trainer = assembled.conductor.progress, assembled.trainer
    chosen = _choose_weights(assembled, run_dir)
    result = _result(recipe, inputs, assembled, ending).model_copy(update={"chosen_step": chosen})
    model = trainer.accelerator.unwrap_model(trainer.model)
    rows = inputs.rows[: publishing.CHECK_ROWS]
    live_logits = publishing.logits_of(model, rows)
    card = model_card(recipe.model, result, inputs.hashes)
    publishing.save(publishing.Finished(model, inputs.prepared, recipe.model, card), run_dir.model)
    check = publishing.reload_check(recipe.model, run_dir.model, inputs.prepared, rows, live_logits, [])
    result = result.model_copy(update={"reload": check})
    write_json(run_dir.train_result, result.model_dump())
    if progress.best_step is not None and result.overfitting is not None:
        console.say(f"weights of step {chosen}: {result.overfitting.sentence}")
    return result


def _choose_weights(assembled: Assembled, run_dir: RunDir) -> int:
    """The step with the lowest held-out loss ever, where its checkpoint is whole; else the last."""
    progress = assembled.conductor.progress
    if progress.best_step is None or progress.best_step == progress.step:
        return progress.step
    best = checkpoints.at_step(run_dir.checkpoints, progress.best_step)
    if best is None:
        console.warn(f"the checkpoint of the best step {progress.best_step} is not there; the last weights are saved.")
        return progress.step
    publishing.load_weights(assembled.trainer.model, best.path)
    return progress.best_step


def _result(recipe: Recipe, inputs: Inputs, assembled: Assembled, ending: _Ending) -> TrainResult:
    progress, plan = assembled.conductor.progress, assembled.plan
    seconds_per_step = progress.seconds / max(1, progress.step)
    reasons = [refusal.reason for refusal in inputs.training.refused]
    last = progress.train_losses[-plan.steps_per_epoch :]
    tokens_per_step = plan.total_tokens / plan.steps_per_epoch
    price = recipe.train.price_per_hour
    return TrainResult(
        outcome=progress.stopped or "finished",
        plan=plan,
        steps_done=progress.step,
        chosen_step=progress.step,
        resumed_from_step=ending.start.manifest.step if ending.start else None,
        train_loss=sum(last) / len(last),
        held_out=progress.held_out,
        best_held_out_loss=progress.best_loss,
        overfitting=monitor.overfitting_of(progress, plan.steps_per_epoch),
        forgetting=monitor.forgetting_of(progress.held_out, recipe.train.forgetting_budget),
        spikes=progress.spikes,
        seconds=progress.seconds,
        seconds_per_step=seconds_per_step,
        tokens_per_second=tokens_per_step / seconds_per_step if seconds_per_step else 0.0,
        fill=fill_of(plan),
        peak_memory_bytes=peak_memory_bytes(),
        cost=None if price is None else price * plan.processes * progress.seconds / 3600,
        saved_as="full" if recipe.model.method == "full" else "merged" if recipe.model.merge else "adapter",
        dropped_rows={reason: reasons.count(reason) for reason in sorted(set(reasons))},
    )


def fill_of(plan: Plan) -> float:
    """Tokens held at once on average, as a share of the limit."""
    held = plan.total_tokens / plan.steps_per_epoch / plan.micro_batches_per_step / plan.processes
    return min(1.0, held / plan.micro_batch_tokens)


def peak_memory_bytes() -> int:
    """The most that was held: on the GPU where one is used, else by the process."""
    if torch.cuda.is_available() and torch.cuda.max_memory_allocated():
        return int(torch.cuda.max_memory_allocated())
    scale = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale
