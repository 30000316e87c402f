"""Stops within the step: a loss or gradient that is not finite, and weights that get no gradient."""

from typing import Any

import torch
from torch.distributed.tensor import DTensor
from transformers import TrainerCallback

from sftctl.errors import TrainingDiverged, UntrainedWeights
from sftctl.train.trainer import GuardedTrainer

_MAX_NAMED = 8
_SECOND = (".lora_A.", ".lora_embedding_B.")


class FiniteGuard(TrainerCallback):  # type: ignore[misc]
    """Raises before the optimizer applies a step whose loss or gradient is infinite or not a number."""

    def __init__(self, trainer: GuardedTrainer, steps_per_epoch: int) -> None:
        self._trainer = trainer
        self._steps_per_epoch = steps_per_epoch

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Clipping has run: an infinite or NaN norm has by now made NaN of at least one gradient."""
        losses = torch.stack(self._trainer.micro_losses)
        gradients = [weight.grad for weight in self._trainer.model.parameters() if weight.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        if isinstance(norm, DTensor):  # weights sharded over processes
            norm = norm.full_tensor()
        if bool(torch.isfinite(losses).all() & torch.isfinite(norm)):
            return
        what = "gradient" if bool(torch.isfinite(losses).all()) else "loss"
        step = state.global_step
        ids = self._trainer.feed.rows_of_step(step // self._steps_per_epoch, step % self._steps_per_epoch)
        named = ", ".join(ids[:_MAX_NAMED]) + (f" and {len(ids) - _MAX_NAMED} more" if len(ids) > _MAX_NAMED else "")
        raise TrainingDiverged(
            f"step {step + 1}: the {what} is not finite. Nothing of this step was applied or saved. Rows of the step: "
            f"{named}. Look at these rows, lower train.learning_rate, or raise train.warmup."
        )


class LearningGuard(TrainerCallback):  # type: ignore[misc]
    """Raises where a trainable tensor gets no gradient: the run would leave it as it was, and say nothing.

    Full: after step 1. LoRA: every B at step 1; every A once a step with a non-zero rate has moved B away from zero.
    """

    def __init__(self, trainer: GuardedTrainer) -> None:
        self._trainer = trainer
        self._moved = False
        self._unseen: set[str] | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """A resumed run was checked in its first steps."""
        names = {name for name, weight in self._trainer.model.named_parameters() if weight.requires_grad}
        # DeepSpeed keeps gradients where they cannot be looked at.
        self._unseen = set() if state.global_step or self._trainer.is_deepspeed_enabled else names

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if not self._unseen:
            return
        # One of the two factors of an adapter starts at zero; until it moves, the other has no gradient.
        waiting = set() if self._moved else {name for name in self._unseen if any(part in name for part in _SECOND)}
        expected = self._unseen - waiting
        without = [
            name
            for name, weight in self._trainer.model.named_parameters()
            if name in expected and not _has_gradient(weight)
        ]
        if without:
            raise UntrainedWeights(
                f"step {state.global_step + 1}: {len(without)} of {len(expected)} trainable tensors get no gradient, "
                f"such as {without[0]}: they would stay as they are. Check model.lora.target_modules, or a model "
                "whose layers are not used."
            )
        self._unseen -= expected

    def on_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        rate = self._trainer.optimizer.param_groups[0]["lr"]
        self._moved = self._moved or rate > 0


def _has_gradient(weight: torch.nn.Parameter) -> bool:
    return weight.grad is not None and bool(torch.any(weight.grad != 0))
