"""What holds the weights near the base model while it learns: a pull on weights, or on what it says of general rows."""

# B batch, T tokens, N trained tokens, V vocabulary
import contextlib
import copy
import random
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import torch
from torch.nn import functional

from sftctl.errors import DataUnusable
from sftctl.model.adapters import adapter_off, has_adapter, unwrapped
from sftctl.model.collate import padded_batch
from sftctl.model.inference import inference
from sftctl.tokenization.rows import NOT_TRAINED, EncodedRow
from sftctl.train.config import Anchor, EwcAnchor, KlAnchor


class Pull(Protocol):
    """Adds its gradient after the last backward pass of a step, before clipping; the same on every process."""

    def __call__(self, model: Any, step: int) -> None: ...


def pull_for(anchor: Anchor, model: Any, general: Sequence[EncodedRow], pad_token_id: int, seed: int) -> Pull:
    """The recipe's anchor, made from the model as it is before training."""
    if isinstance(anchor, EwcAnchor | KlAnchor) and not general:
        raise DataUnusable(
            f"train.anchor of kind {anchor.kind} needs general rows that are held out, and there are none. Add a "
            "source with role: general, or use kind l2sp."
        )
    if isinstance(anchor, KlAnchor):
        return KlPull(anchor, model, general, pad_token_id, seed)
    importance = fisher(model, general[: anchor.fisher_rows]) if isinstance(anchor, EwcAnchor) else {}
    return WeightPull(model, anchor.strength, importance)


class WeightPull:
    """Gradient of strength / 2 * sum F (w - w0)^2; F is 1 for L2-SP and the Fisher diagonal for EWC.

    For an adapter the change of the model is B A, so A and B are pulled as weights of their own, A towards its start.
    """

    def __init__(self, model: Any, strength: float, importance: dict[str, torch.Tensor]) -> None:
        self._strength = strength
        self._importance = importance
        self._start = {name: weight.detach().clone() for name, weight in _trained(model)}

    @torch.no_grad()
    def __call__(self, model: Any, step: int) -> None:
        for name, weight in _trained(model):
            if weight.grad is None:
                continue
            pull = weight - self._start[name].to(weight.device)
            if self._importance:
                pull = pull * self._importance[name].to(weight.device)
            weight.grad.add_(pull.to(weight.grad.dtype), alpha=self._strength)


def fisher(model: Any, rows: Sequence[EncodedRow]) -> dict[str, torch.Tensor]:
    """Diagonal empirical Fisher information: the mean over rows of the squared gradient of each row's mean loss."""
    training = model.training
    model.eval()
    sums = {name: torch.zeros_like(weight, dtype=torch.float32) for name, weight in _trained(model)}
    try:
        for row in rows:
            model.zero_grad(set_to_none=True)
            _, loss = _logits_and_loss(model, [row], pad_token_id=0)
            loss.backward()  # type: ignore[no-untyped-call]
            for name, gradient in ((name, weight.grad) for name, weight in _trained(model) if weight.grad is not None):
                sums[name] += gradient.float() ** 2
    finally:
        model.zero_grad(set_to_none=True)
        model.train(training)
    return {name: total / len(rows) for name, total in sums.items()}


class KlPull:
    """Gradient of strength * KL(base || model), in nats per trained token, on a few general rows each step."""

    def __init__(
        self, anchor: KlAnchor, model: Any, general: Sequence[EncodedRow], pad_token_id: int, seed: int
    ) -> None:
        self._anchor = anchor
        self._rows = general
        self._pad_token_id = pad_token_id
        self._seed = seed
        # An adapter can be switched off; otherwise the base must be kept beside the model.
        self._base = None if has_adapter(model) else copy.deepcopy(unwrapped(model)).requires_grad_(False).eval()

    def __call__(self, model: Any, step: int) -> None:
        count = min(self._anchor.rows_per_step, len(self._rows))
        chosen = random.Random(f"{self._seed} {step}").sample(self._rows, count)
        with self._base_of(model) as base, inference(base):
            base_NV, _ = _logits_and_loss(base, chosen, self._pad_token_id)
        model.eval()  # no dropout: every process must find the same gradient
        logits_NV, _ = _logits_and_loss(model, chosen, self._pad_token_id)
        model.train()
        divergence = functional.kl_div(
            logits_NV.log_softmax(-1), base_NV.log_softmax(-1), log_target=True, reduction="batchmean"
        )
        (self._anchor.strength * divergence).backward()  # type: ignore[no-untyped-call]

    @contextlib.contextmanager
    def _base_of(self, model: Any) -> Iterator[Any]:
        if self._base is not None:
            yield self._base
        else:
            with adapter_off(model) as base:
                yield base


def _trained(model: Any) -> list[tuple[str, torch.nn.Parameter]]:
    return [(name, weight) for name, weight in model.named_parameters() if weight.requires_grad]


def _logits_and_loss(model: Any, rows: Sequence[EncodedRow], pad_token_id: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits of the trained positions in float32, and their mean loss."""
    batch = padded_batch(rows, pad_token_id, model.device)
    targets_BT = batch.pop("labels")[:, 1:]
    trained_BT = targets_BT != NOT_TRAINED
    with torch.autocast(model.device.type, torch.bfloat16, enabled=model.device.type == "cuda"):
        logits_NV = model(**batch, use_cache=False).logits[:, :-1][trained_BT].float()
    return logits_NV, functional.cross_entropy(logits_NV, targets_BT[trained_BT])
