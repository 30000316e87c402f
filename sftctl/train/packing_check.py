"""Whether this model computes the same when rows are packed: its gradients, packed and apart, are compared."""

# B batch, T tokens, N trained tokens, V vocabulary
from collections.abc import Sequence
from typing import Any

import torch
from torch.nn import functional

from sftctl.model.collate import packed_batch
from sftctl.tokenization.rows import NOT_TRAINED, EncodedRow

_ROWS = 3
_MOST_TOKENS = 512
_TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 2e-2, torch.float16: 2e-2}


def packing_difference(model: Any, rows: Sequence[EncodedRow]) -> float:
    """Relative difference of the gradients of a few short rows, packed and one by one; the loss hides such errors.

    Dropout is off, no random number is drawn, and no gradient is left behind.
    """
    chosen = _probe(rows)
    training = model.training
    model.eval()
    try:
        packed = _gradient(model, [packed_batch(chosen)])
        apart = _gradient(model, [_alone(row) for row in chosen])
    finally:
        model.train(training)
        model.zero_grad(set_to_none=True)
    return float((packed - apart).norm() / apart.norm())


def packing_tolerance(model: Any) -> float:
    """What rounding alone may differ by, in the precision of the weights."""
    return _TOLERANCE.get(model.dtype, 2e-2)


def _probe(rows: Sequence[EncodedRow]) -> list[EncodedRow]:
    """Different rows where there are any: equal ones would hide that one looks at another."""
    different = {tuple(row.input_ids): row for row in rows if len(row.input_ids) <= _MOST_TOKENS}
    chosen = list(different.values())[:_ROWS] or list(rows[:1])
    return chosen if len(chosen) > 1 else chosen * 2


def _alone(row: EncodedRow) -> dict[str, torch.Tensor]:
    return {"input_ids": torch.tensor([row.input_ids]), "labels": torch.tensor([row.labels])}


def _gradient(model: Any, batches: Sequence[dict[str, Any]]) -> torch.Tensor:
    """Of the summed loss, over all trained weights, in one float32 vector on the CPU."""
    model.zero_grad(set_to_none=True)
    for batch in batches:
        inputs = {
            name: value.to(model.device) if isinstance(value, torch.Tensor) else value for name, value in batch.items()
        }
        targets_BT = inputs.pop("labels")[:, 1:]
        trained_BT = targets_BT != NOT_TRAINED
        with torch.autocast(model.device.type, torch.bfloat16, enabled=model.device.type == "cuda"):
            logits_BTV = model(**inputs, use_cache=False).logits
        logits_NV = logits_BTV[:, :-1][trained_BT]
        functional.cross_entropy(logits_NV.float(), targets_BT[trained_BT], reduction="sum").backward()  # type: ignore[no-untyped-call]
    gradients = [weight.grad.float().flatten() for weight in model.parameters() if weight.grad is not None]
    return torch.cat(gradients).cpu()
