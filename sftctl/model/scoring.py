"""Losses of rows, the one source for held-out loss, data selection and benchmarks; the same for any batch."""

# B batch, T tokens, K kept positions, N trained tokens, V vocabulary
import inspect
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional

from sftctl import console
from sftctl.model.adapters import unwrapped
from sftctl.model.collate import TokenRow, padded_batch
from sftctl.model.inference import inference
from sftctl.tokenization.rows import NOT_TRAINED

_MAX_LOGITS = {"cpu": 2**25, "cuda": 2**28}
"""Logits held at once: 128 MiB in float32 on a CPU, where training holds few too, and 1 GiB on a GPU."""


@dataclass(frozen=True, slots=True)
class RowLoss:
    """The summed loss of one row over its trained tokens, in nats, and their count."""

    id: str
    nats: float
    tokens: int


@dataclass(frozen=True, slots=True)
class StopRank:
    """How many tokens the model holds likelier than the true stop token at a true end, plus one."""

    id: str
    rank: int


def score_rows(
    model: Any, rows: Sequence[TokenRow], *, pad_token_id: int, max_batch_tokens: int = 8192
) -> list[RowLoss]:
    """One loss a row, in the order given; summed in float64 over float32 log-probabilities.

    Equal to 1e-6 for any batch in float32. A row without a trained token has 0 nats over 0 tokens; a non-finite
    loss is returned as it is.
    """
    losses: list[RowLoss | None] = [None] * len(rows)
    with inference(model):
        for index, logits_NV, targets_N in _trained_logits(model, rows, pad_token_id, max_batch_tokens):
            nats_N = functional.cross_entropy(logits_NV.float(), targets_N, reduction="none")
            losses[index] = RowLoss(rows[index].id, float(nats_N.double().sum()), len(targets_N))
    return [loss or RowLoss(row.id, 0.0, 0) for loss, row in zip(losses, rows, strict=True)]


def token_weighted(losses: Sequence[RowLoss]) -> float:
    """Mean nats per trained token: long rows count by their tokens, batches do not count. NaN without a token."""
    tokens = sum(loss.tokens for loss in losses)
    return math.fsum(loss.nats for loss in losses) / tokens if tokens else math.nan


def stop_ranks(
    model: Any,
    rows: Sequence[TokenRow],
    stop_token_ids: Sequence[int],
    *,
    pad_token_id: int,
    max_batch_tokens: int = 8192,
) -> list[StopRank]:
    """The rank of the stop token where each row's last response truly ends; rows with no trained stop are left out."""
    ranks: list[StopRank | None] = [None] * len(rows)
    stops = torch.tensor(list(stop_token_ids), device=model.device)
    with inference(model):
        for index, logits_NV, targets_N in _trained_logits(model, rows, pad_token_id, max_batch_tokens):
            ends = torch.isin(targets_N, stops).nonzero().flatten()
            if len(ends):
                logits_V = logits_NV[ends[-1]].float()
                likelier = int((logits_V > logits_V[targets_N[ends[-1]]]).sum())
                ranks[index] = StopRank(rows[index].id, likelier + 1)
    return [rank for rank in ranks if rank is not None]


def _trained_logits(
    model: Any, rows: Sequence[TokenRow], pad_token_id: int, max_batch_tokens: int
) -> Iterator[tuple[int, torch.Tensor, torch.Tensor]]:
    """(row number, logits_NV, targets_N) of each row that has a trained token; longest rows first."""
    vocabulary = unwrapped(model).config.get_text_config().vocab_size
    keeps_positions = "logits_to_keep" in inspect.signature(unwrapped(model).forward).parameters
    with console.progress("scored rows", len(rows)) as advance:
        for batch in _batches(rows, max_batch_tokens, _MAX_LOGITS[model.device.type] // vocabulary):
            inputs = padded_batch([rows[i] for i in batch], pad_token_id, model.device)
            labels_BT = inputs.pop("labels")
            trained_BT = labels_BT[:, 1:] != NOT_TRAINED
            kept_K = trained_BT.any(dim=0).nonzero().flatten()
            options = {"logits_to_keep": kept_K} if keeps_positions else {}
            logits_BKV = model(**inputs, use_cache=False, **options).logits
            if not keeps_positions:
                logits_BKV = logits_BKV[:, kept_K]
            for place in trained_BT.any(dim=1).nonzero().flatten().tolist():
                trained_T = trained_BT[place]
                yield batch[place], logits_BKV[place][trained_T[kept_K]], labels_BT[place, 1:][trained_T]
            advance(len(batch))


def _batches(rows: Sequence[TokenRow], max_tokens: int, max_kept: int) -> Iterator[list[int]]:
    """Row numbers, longest first; a batch is within both limits, padding counted, or holds one row."""
    batch: list[int] = []
    width = kept = 0
    for i in sorted(range(len(rows)), key=lambda i: (-len(rows[i].input_ids), i)):
        trained = sum(label != NOT_TRAINED for label in rows[i].labels)
        if not trained:
            continue
        full = (len(batch) + 1) * width > max_tokens or (len(batch) + 1) * max(kept, trained) > max_kept
        if batch and full:
            yield batch
            batch, width, kept = [], 0, 0
        batch.append(i)
        width, kept = max(width, len(rows[i].input_ids)), max(kept, trained)
    if batch:
        yield batch
