"""TRL's SFTTrainer with our batches, our held-out loss, and a stop within the step for what cannot be trained on."""

# B batch, T tokens, N trained tokens, V vocabulary
import inspect
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from datasets import Dataset
from torch.nn import functional
from torch.utils.data import DataLoader
from trl import SFTConfig, SFTTrainer

from sftctl.errors import TrainingDiverged
from sftctl.model.adapters import unwrapped
from sftctl.model.collate import packed_batch, padded_batch, untrained
from sftctl.tokenization.compact import lengths_of
from sftctl.tokenization.rows import NOT_TRAINED, EncodedRow
from sftctl.train.batches import EpochBatches


@dataclass(frozen=True)
class Feed:
    """The rows of a run and how they are dealt; `batches_of(epoch)` depends on nothing else."""

    rows: Sequence[EncodedRow]
    batches_of: Callable[[int], EpochBatches]
    packed: bool
    pad_token_id: int
    process: int = 0

    def rows_of_step(self, epoch: int, step_in_epoch: int) -> list[str]:
        """Ids of all rows of one optimizer step, over all processes."""
        window = self.batches_of(epoch).windows[step_in_epoch]
        return [self.rows[row].id for process in window for micro_batch in process for row in micro_batch]


class GuardedTrainer(SFTTrainer):  # type: ignore[misc]
    """Overrides public methods only."""

    # `compute_loss` divides by the trained tokens of the whole step, so nothing is left to scale.
    loss_is_scaled_for_ga = True

    def __init__(
        self,
        model: Any,
        args: SFTConfig,
        *,
        feed: Feed,
        held_out_loss: Callable[[Any], dict[str, float]],
        tokenizer: Any,
        after_backward: Callable[[Any, int], None] | None = None,
    ) -> None:
        self._feed = feed
        self._held_out_loss = held_out_loss
        self._after_backward = after_backward
        self._order = _EpochOrder(feed)
        lengths = lengths_of(feed.rows)
        self._filler = untrained(feed.rows[lengths.index(min(lengths))])
        self.micro_losses: list[torch.Tensor] = []
        self.tokens_of_step = 0
        dataset = Dataset.from_dict({"input_ids": [[0]], "labels": [[0]]})
        loaded = {weight: weight.dtype for weight in model.parameters() if weight.requires_grad}
        super().__init__(model, args, train_dataset=dataset, processing_class=tokenizer)
        # TRL puts what QLoRA trains in bfloat16, where plain AdamW's small updates round to nothing.
        for weight, dtype in loaded.items():
            weight.data = weight.data.to(dtype)
        self._compact = (
            args.device.type == "cpu"
            and args.loss_type == "nll"
            and not self.aux_loss_enabled
            and "logits_to_keep" in inspect.signature(type(unwrapped(model)).forward).parameters
        )

    @property
    def feed(self) -> Feed:
        return self._feed

    def get_train_dataloader(self) -> DataLoader[Any]:
        """Each process reads its own share; the order needs no random state, so resuming skips to the exact place."""
        return DataLoader(
            self._feed.rows,  # type: ignore[arg-type]
            batch_sampler=self._order,
            collate_fn=self._collate,
            generator=torch.Generator(),  # the loader's own draw must not move the global generator
        )

    def start_epoch(self, epoch: int) -> None:
        """Called before the loader of the epoch is read."""
        self._order.epoch = epoch

    def get_batch_samples(
        self, epoch_iterator: Iterator[Any], num_batches: int, device: torch.device
    ) -> tuple[list[Any], torch.Tensor]:
        """The micro-batches of one step and the trained tokens in them, over all processes; none is an error."""
        samples = list(islice(epoch_iterator, num_batches))
        tokens = sum(int((batch["labels"][:, 1:] != NOT_TRAINED).sum()) for batch in samples)
        total = torch.tensor(float(tokens), device=device)
        if self.args.world_size > 1:
            total = self.accelerator.gather(total.reshape(1)).sum()
        if samples and not total:
            raise TrainingDiverged(f"step {self.state.global_step + 1} has no trained token: nothing can be learned.")
        self.micro_losses = []
        self.tokens_of_step = sum(batch["input_ids"].numel() for batch in samples)
        return samples, total

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """On a CPU the head runs on trained tokens only; elsewhere TRL's fused head does the same in tiles."""
        if not self._compact or return_outputs:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        inputs = dict(inputs)
        targets_BT = inputs.pop("labels")[:, 1:]
        trained_BT = targets_BT != NOT_TRAINED
        kept_K = trained_BT.any(dim=0).nonzero().flatten()
        logits_BKV = model(**inputs, use_cache=False, logits_to_keep=kept_K).logits
        logits_NV = logits_BKV[trained_BT[:, kept_K]]
        nats = functional.cross_entropy(logits_NV.float(), targets_BT[trained_BT], reduction="sum")
        # The gradients of processes are averaged, while the tokens were counted over all of them.
        return nats / num_items_in_batch * self.accelerator.num_processes

    def training_step(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        """Keeps each micro-batch's loss, so that a non-finite one can be traced to its rows."""
        loss: torch.Tensor = super().training_step(*args, **kwargs)
        self.micro_losses.append(loss)
        if self._after_backward is not None and self.accelerator.sync_gradients:
            self._after_backward(self.model, self.state.global_step)
        return loss

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Held-out loss by sftctl's own scoring: token-weighted, and the same for any batch size."""
        began = time.perf_counter()
        metrics = self.measure_held_out()
        metrics["eval_seconds"] = time.perf_counter() - began
        self.log(dict(metrics))
        control: Any = self.control  # type: ignore[has-type]
        self.control = self.callback_handler.on_evaluate(self.args, self.state, control, metrics)
        return metrics

    def measure_held_out(self) -> dict[str, float]:
        """The losses alone, without telling the callbacks."""
        return self._held_out_loss(self.model)

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """No card beside a checkpoint: TRL's takes as long as a step of a tiny model; the finished one gets our own."""

    def _collate(self, rows: list[EncodedRow]) -> dict[str, Any]:
        if not rows:
            rows = [self._filler]
        if self._feed.packed:
            return packed_batch(rows)
        return padded_batch(rows, self._feed.pad_token_id)


class _EpochOrder:
    """The batch sampler of one process: micro-batches of the epoch it was told."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self.epoch = 0
        first = feed.batches_of(0)
        self._length = len(first.windows) * first.per_step

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[list[int]]:
        return iter(self._feed.batches_of(self.epoch).of_process(self._feed.process))
