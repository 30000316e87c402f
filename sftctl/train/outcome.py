"""The figures of a run, put together for logs/train.json."""

import json
import time
from dataclasses import dataclass

from sftctl.run_dir import RunDir
from sftctl.train import monitor
from sftctl.train.assembly import Assembled, TrainingSections
from sftctl.train.checkpoints import Checkpoint
from sftctl.train.inputs import Inputs
from sftctl.train.result import Expected, TrainResult


@dataclass(frozen=True)
class Clock:
    """Wall time of a run over all its starts, from loading to the saved model."""

    began: float
    earlier: float = 0.0

    def seconds(self) -> float:
        return self.earlier + time.perf_counter() - self.began


def outcome_of(
    recipe: TrainingSections, inputs: Inputs, assembled: Assembled, start: Checkpoint | None, chosen_step: int
) -> TrainResult:
    """All that is known when weights are chosen; time, memory and the reload check follow."""
    progress, plan = assembled.conductor.progress, assembled.plan
    seconds_per_step = progress.seconds / max(1, progress.step)
    reasons = [refusal.reason for refusal in inputs.training.refused]
    last = progress.train_losses[-plan.steps_per_epoch :]
    return TrainResult(
        outcome=progress.stopped or "finished",
        plan=plan,
        steps_done=progress.step,
        chosen_step=chosen_step,
        resumed_from_step=start.manifest.step if start else None,
        train_loss=sum(last) / len(last),
        held_out=progress.held_out,
        best_held_out_loss=progress.best_loss,
        overfitting=monitor.overfitting_of(progress, plan.steps_per_epoch, chosen_step),
        forgetting=monitor.forgetting_of(progress.held_out, recipe.train.forgetting_budget),
        spikes=progress.spikes,
        seconds=progress.seconds,
        seconds_per_step=seconds_per_step,
        tokens_per_second=plan.tokens_per_step / seconds_per_step if seconds_per_step else 0.0,
        fill=plan.fill,
        peak_memory_bytes=0,
        saved_as="full" if recipe.model.method == "full" else "merged" if recipe.model.merge else "adapter",
        dropped_rows={reason: reasons.count(reason) for reason in sorted(set(reasons))},
    )


def read_forecast(run_dir: RunDir, made_from: dict[str, str]) -> Expected | None:
    """What the smoke test expected; None without one, and where it was made for other work than `made_from` names."""
    try:
        forecast = json.loads(run_dir.smoke_test_result.read_text(encoding="utf-8"))["forecast"]
        if forecast["made_from"] != made_from:
            return None
        return Expected(
            seconds=forecast["seconds"],
            peak_memory_bytes=forecast["peak_memory_bytes"],
            cost_usd=forecast.get("cost_usd"),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
