"""One pipeline for training and for the smoke test: model, plan, trainer, guards and records, put together."""

import contextlib
import functools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import transformers
from accelerate.utils import gather_object

from sftctl.errors import OutOfMemory
from sftctl.model import adapters
from sftctl.model.config import ModelConfig
from sftctl.model.device import pick_device
from sftctl.model.footprint import size_of
from sftctl.model.loading import load_model
from sftctl.model.scoring import RowLoss, score_rows, token_weighted
from sftctl.tokenization.rows import EncodedRow
from sftctl.train import launch, planning
from sftctl.train.anchors import Pull, pull_for
from sftctl.train.arguments import sft_config
from sftctl.train.batches import EpochBatches
from sftctl.train.conductor import Attempt, Conductor, schedule_of
from sftctl.train.config import TrainConfig
from sftctl.train.guards import FiniteGuard, LearningGuard
from sftctl.train.inputs import Inputs
from sftctl.train.monitor import GENERAL_ROLE
from sftctl.train.precision import with_fitting_dtype
from sftctl.train.result import Plan
from sftctl.train.trainer import Feed, GuardedTrainer


@dataclass(frozen=True)
class TrainingSections:
    """The sections that training reads."""

    train: TrainConfig
    model: ModelConfig
    seed: int


@dataclass(frozen=True)
class Assembled:
    """Ready to run."""

    trainer: GuardedTrainer
    conductor: Conductor
    plan: Plan


def training_model(recipe: TrainingSections) -> ModelConfig:
    """The model section: a precision that fits, and attention that looks only within rows where they may be packed."""
    model = with_fitting_dtype(recipe.model, size_of(recipe.model), pick_device(recipe.model))
    if recipe.train.packing is not False and model.attention == "auto":
        return model.model_copy(update={"attention": "varlen"})
    return model


def trainable_model(recipe: TrainingSections, inputs: Inputs) -> Any:
    """The recipe's model, with room for added tokens, and with a fresh adapter unless all weights are trained."""
    model = load_model(training_model(recipe), device=pick_device(recipe.model), training=True)
    added = bool(inputs.prepared.added_tokens)
    if added and len(inputs.prepared.tokenizer) > model.get_input_embeddings().num_embeddings:
        model.resize_token_embeddings(len(inputs.prepared.tokenizer))
    if recipe.model.method == "full":
        return model
    transformers.set_seed(recipe.seed)  # the adapter's first weights are drawn at random
    also_trained = ("embed_tokens", "lm_head") if added else ()
    # Without a path peft does not look for the base's config, on the network too, whenever a checkpoint is written.
    return adapters.attach(model, recipe.model.lora, base_path="", also_trained=also_trained)


def assemble(
    recipe: TrainingSections, inputs: Inputs, model: Any, plan: Plan, attempt: Attempt, *, first_rows: int = 0
) -> Assembled:
    """A trainer with its callbacks; nothing has run yet. `first_rows` are read first, in their order."""
    device = pick_device(recipe.model)
    scale = planning.scale_of(inputs, device, plan.processes, first_rows=first_rows)

    @functools.lru_cache(maxsize=2)
    def batches_of(epoch: int) -> EpochBatches:
        return planning.batches_of_epoch(plan, scale, recipe.seed, epoch)

    trainer = GuardedTrainer(
        model,
        sft_config(recipe.train, plan, attempt.staging, seed=recipe.seed, device=device),
        feed=Feed(inputs.rows, batches_of, plan.packing, inputs.prepared.pad_token_id, launch.rank()),
        held_out_loss=held_out_loss(inputs.held_out, inputs.prepared.pad_token_id),
        tokenizer=inputs.prepared.tokenizer,
        after_backward=_pull(recipe, inputs, model),
    )
    schedule = schedule_of(recipe.train, plan, watched=bool(inputs.held_out))
    conductor = Conductor(trainer, recipe.train, plan, schedule, attempt)
    trainer.remove_callback(transformers.PrinterCallback)
    for callback in (FiniteGuard(trainer, plan.steps_per_epoch), LearningGuard(trainer), conductor):
        trainer.add_callback(callback)
    return Assembled(trainer, conductor, plan)


def _pull(recipe: TrainingSections, inputs: Inputs, model: Any) -> Pull | None:
    if recipe.train.anchor is None:
        return None
    general = [row for row in inputs.held_out if row.role == GENERAL_ROLE]
    return pull_for(recipe.train.anchor, model, general, inputs.prepared.pad_token_id, recipe.seed)


def held_out_loss(rows: Sequence[EncodedRow], pad_token_id: int) -> Callable[[Any], dict[str, float]]:
    """A function of the model: the loss on domain rows as `eval_loss`, and one for each role and source."""

    def measure(model: Any) -> dict[str, float]:
        # Each process scores its share; all then hold all losses, and decide alike. Sharded weights are only whole
        # while all processes compute together: then each scores all rows.
        divided = launch.processes() > 1 and not launch.sharded()
        mine = rows[launch.rank() :: launch.processes()] if divided else rows
        share = score_rows(model, mine, pad_token_id=pad_token_id)
        by_place = dict(gather_object([(loss.id, loss) for loss in share])) if divided else {}
        losses = [by_place[row.id] for row in rows] if by_place else share
        by_role = _grouped(losses, [row.role for row in rows])
        by_source = _grouped(losses, [row.source for row in rows])
        main = by_role.get("domain", token_weighted(losses))
        return (
            {"eval_loss": main}
            | {f"eval_role_{name}": loss for name, loss in by_role.items()}
            | {f"eval_source_{name}": loss for name, loss in by_source.items()}
        )

    return measure


def _grouped(losses: Sequence[RowLoss], names: Sequence[str]) -> dict[str, float]:
    groups: dict[str, list[RowLoss]] = {}
    for loss, name in zip(losses, names, strict=True):
        groups.setdefault(name, []).append(loss)
    weighted = {name: token_weighted(members) for name, members in sorted(groups.items())}
    return {name: loss for name, loss in weighted.items() if math.isfinite(loss)}


def model_of(trainer: GuardedTrainer) -> Any:
    """The trained model itself: out of what wraps it for several processes, and of autocast.

    On a GPU autocast would stay on it for good, and its float32 weights would not give what they give once saved.
    """
    return trainer.accelerator.unwrap_model(trainer.model, keep_fp32_wrapper=False)


def release(assembled: Assembled, model: Any) -> None:
    """Free the device: the saved model must fit beside nothing else when it is read back."""
    trainer = assembled.trainer
    for held in (model, model_of(trainer)):
        held.zero_grad(set_to_none=True)
    trainer.optimizer = trainer.lr_scheduler = None
    trainer.accelerator.free_memory()
    # The trainer's callbacks were handed the optimizer, with its moments, and the schedule that holds it too.
    trainer.callback_handler.optimizer = trainer.callback_handler.lr_scheduler = None
    if model.device.type == "cuda":
        model.to("cpu")
        torch.cuda.empty_cache()


@contextlib.contextmanager
def out_of_memory_explained(plan: Plan) -> Iterator[None]:
    """Turn the device's error into one that says what to lower, and by how much."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise OutOfMemory(_lower_what(plan)) from error


def _lower_what(plan: Plan) -> str:
    half = max(1, plan.micro_batch_tokens // plan.max_length // 2)
    if plan.micro_batch_tokens > plan.max_length:
        advice = f"Set train.micro_batch={half}: half of what is held at once now, with the same result."
    elif not plan.gradient_checkpointing:
        advice = "Set train.gradient_checkpointing=true: slower, with the same result."
    else:
        advice = f"Set data.max_length={plan.max_length // 2}, model.method=lora, or take a larger device."
    return f"the device ran out of memory with {plan.micro_batch_tokens} tokens at once. {advice}"
