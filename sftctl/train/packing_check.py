"""Whether this model computes the same when rows are packed: its gradients, packed and apart, are compared."""

# B batch, T tokens, N trained tokens, V vocabulary
import math
from collections.abc import Iterable, Sequence
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
    differences = (a.float() - b.float() for a, b in zip(packed, apart, strict=True))
    return _norm(differences) / _norm(apart)


def packing_tolerance(model: Any) -> float:
    """What rounding alone may differ by, in the precision that is computed in; under autocast not that of weights."""
    return _TOLERANCE.get(torch.bfloat16 if _under_autocast(model) else model.dtype, 2e-2)


def _under_autocast(model: Any) -> bool:
    """As in the steps: see arguments.sft_config."""
    return bool(model.device.type == "cuda")


def _probe(rows: Sequence[EncodedRow]) -> list[EncodedRow]:
    """Different rows where there are any: equal ones would hide that one looks at another."""
    different = {tuple(row.input_ids): row for row in rows if len(row.input_ids) <= _MOST_TOKENS}
    chosen = list(different.values())[:_ROWS] or list(rows[:1])
    return chosen if len(chosen) > 1 else chosen * 2


def _alone(row: EncodedRow) -> dict[str, torch.Tensor]:
    return {"input_ids": torch.tensor([row.input_ids]), "labels": torch.tensor([row.labels])}


def _gradient(model: Any, batches: Sequence[dict[str, Any]]) -> list[torch.Tensor]:
    """Of the summed loss, for each trained weight; on the CPU, since a GPU may hold no more copies of them."""
    model.zero_grad(set_to_none=True)
    for batch in batches:
        inputs = {
            name: value.to(model.device) if isinstance(value, torch.Tensor) else value for name, value in batch.items()
        }
        targets_BT = inputs.pop("labels")[:, 1:]
        trained_BT = targets_BT != NOT_TRAINED
        with torch.autocast(model.device.type, torch.bfloat16, enabled=_under_autocast(model)):
            logits_BTV = model(**inputs, use_cache=False).logits
        logits_NV = logits_BTV[:, :-1][trained_BT]
        functional.cross_entropy(logits_NV.float(), targets_BT[trained_BT], reduction="sum").backward()  # type: ignore[no-untyped-call]
    return [weight.grad.cpu() for weight in model.parameters() if weight.grad is not None]


def _norm(tensors: Iterable[torch.Tensor]) -> float:
    return math.sqrt(math.fsum(float(tensor.float().norm()) ** 2 for tensor in tensors))
