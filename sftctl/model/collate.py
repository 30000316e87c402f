"""Rows to tensors: packed without padding, or padded on the right."""

# B batch, T tokens
import itertools
from collections.abc import Sequence
from typing import Any, Protocol

import torch

from sftctl.tokenization.rows import NOT_TRAINED, EncodedRow


class TokenRow(Protocol):
    """What is scored: ids, and labels of the same length with NOT_TRAINED where a token is context."""

    @property
    def id(self) -> str: ...
    @property
    def input_ids(self) -> Sequence[int]: ...
    @property
    def labels(self) -> Sequence[int]: ...


def packed_batch(rows: Sequence[EncodedRow]) -> dict[str, Any]:
    """One long row. Positions start anew at each row, and there is NO attention mask: an all-ones mask mixes rows."""
    positions = [torch.arange(len(row.input_ids)) for row in rows]
    position_ids_BT = torch.cat(positions)[None]
    labels_BT = torch.tensor([label for row in rows for label in row.labels])[None]
    # The token before a row's first one belongs to another row: there is nothing to predict it from.
    labels_BT[position_ids_BT == 0] = NOT_TRAINED
    lengths = [len(row.input_ids) for row in rows]
    bounds = torch.tensor([0, *itertools.accumulate(lengths)], dtype=torch.int32)
    return {
        "input_ids": torch.tensor([token for row in rows for token in row.input_ids])[None],
        "labels": labels_BT,
        "position_ids": position_ids_BT,
        # Kernels for rows of many lengths read the bounds here, once, and not in every layer.
        "cu_seq_lens_q": bounds,
        "cu_seq_lens_k": bounds,
        "max_length_q": max(lengths),
        "max_length_k": max(lengths),
    }


def padded_batch(
    rows: Sequence[TokenRow], pad_token_id: int, device: torch.device | None = None
) -> dict[str, torch.Tensor]:
    """One line a row, padded on the right, with the mask that hides the padding."""
    width = max(len(row.input_ids) for row in rows)

    def filled(values: Sequence[int], filling: int) -> list[int]:
        return [*values, *[filling] * (width - len(values))]

    lines = {
        "input_ids": [filled(row.input_ids, pad_token_id) for row in rows],
        "labels": [filled(row.labels, NOT_TRAINED) for row in rows],
        "attention_mask": [filled([1] * len(row.input_ids), 0) for row in rows],
    }
    return {name: torch.tensor(values, device=device) for name, values in lines.items()}


def untrained(row: EncodedRow) -> EncodedRow:
    """The same row without a label: it fills an empty place and adds nothing to the loss."""
    return EncodedRow(row.id, row.source, row.role, row.input_ids, [NOT_TRAINED] * len(row.labels))
