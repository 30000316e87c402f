"""Which attention a model runs on, and torch's variable-length kernel behind transformers' AttentionInterface.

Packed rows and padded batches become one run of tokens with their row boundaries, so that no token of another row is
ever looked at, and no token of padding is ever computed. On CUDA in half precision the rows go to
`torch.nn.attention.varlen`, elsewhere to one SDPA call a row: the same results, and testable without a GPU.
"""

# B batch, T tokens, S tokens of all rows in one run, H heads, D head size
import inspect
import itertools
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional
from torch.nn.attention.varlen import varlen_attn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import flash_attention_mask

from sftctl.errors import UsageError
from sftctl.model.config import ModelConfig

VARLEN = "sftctl_varlen"
"""The name to pass as `attn_implementation`, once registered."""

_LEAST_COMPUTE_CAPABILITY = (8, 0)
_LARGEST_HEAD = 256
_CALLED_WITH = {"scale", "window_size", "enable_gqa"}


@dataclass(frozen=True, slots=True)
class _Rows:
    """Where each row lies in a run of S tokens: bounds_R1 = (0, end of row 1, ..., S)."""

    bounds: torch.Tensor
    longest: int


def implementation(config: ModelConfig, device: torch.device, *, training: bool) -> str:
    """The name that transformers knows the attention by; varlen is registered when it is chosen."""
    if config.attention == "varlen" or (config.attention == "auto" and training and _has_kernel(device)):
        return register_varlen()
    return "eager" if config.attention == "eager" else "sdpa"


def register_varlen() -> str:
    """Make VARLEN known to transformers; harmless when repeated."""
    AttentionInterface.register(VARLEN, varlen_attention)
    # The mask stays two-dimensional, or None where nothing is padded: no square mask is ever made.
    AttentionMaskInterface.register(VARLEN, flash_attention_mask)
    return VARLEN


def varlen_attention(
    module: torch.nn.Module,
    query_BHTD: torch.Tensor,
    key_BHTD: torch.Tensor,
    value_BHTD: torch.Tensor,
    attention_mask: torch.Tensor | None,
    **options: Any,
) -> tuple[torch.Tensor, None]:
    """Causal attention within each row; the signature is that of transformers' attention functions.

    Rows come from `cu_seq_lens_q` and `max_length_q` where the batch has them, else from the padding mask, else from
    `position_ids` that start again at 0. While decoding with a cache, a dense mask over the cached keys is used.
    """
    if options.get("dropout") or options.get("softcap") is not None:
        raise UsageError("this model uses attention dropout or soft-capping. Set model.attention=eager.")
    scale, window = options.get("scaling"), options.get("sliding_window")
    query_BHTD, key_BHTD, value_BHTD = _in_autocast_precision(query_BHTD, key_BHTD, value_BHTD)
    if query_BHTD.shape[2] != key_BHTD.shape[2]:
        return _decode(query_BHTD, key_BHTD, value_BHTD, attention_mask, (scale, window)), None
    batch, _, length, _ = query_BHTD.shape
    runs = [tensor.transpose(1, 2).flatten(0, 1) for tensor in (query_BHTD, key_BHTD, value_BHTD)]
    kept_S = None
    if attention_mask is not None:
        kept_S = attention_mask.flatten().nonzero().flatten()
        runs = [run[kept_S] for run in runs]
        rows = _rows_of_lengths(attention_mask.sum(dim=1))
    else:
        rows = _rows_of_packing(options, batch, length, query_BHTD.device)
    output_SHD = _attend(runs[0], runs[1], runs[2], rows, (scale, window))
    if kept_S is not None:
        padded_SHD = output_SHD.new_zeros(batch * length, *output_SHD.shape[1:])
        output_SHD = padded_SHD.index_copy(0, kept_S, output_SHD)
    return output_SHD.reshape(batch, length, *output_SHD.shape[1:]), None


def _in_autocast_precision(*tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Autocast knows SDPA and not this function, and rotary embeddings have lifted queries and keys to float32.

    The kernel takes half precision only: without this, full fine-tuning with float32 weights would never run on it.
    """
    device = tensors[0].device.type
    if not torch.is_autocast_enabled(device):
        return tensors
    return tuple(tensor.to(torch.get_autocast_dtype(device)) for tensor in tensors)


def _attend(
    query_SHD: torch.Tensor,
    key_SHD: torch.Tensor,
    value_SHD: torch.Tensor,
    rows: _Rows,
    shape: tuple[float | None, int | None],
) -> torch.Tensor:
    scale, window = shape
    if _has_kernel(query_SHD.device) and _suits_kernel(query_SHD):
        bounds, longest = rows.bounds, rows.longest
        output_SHD = varlen_attn(
            query_SHD, key_SHD, value_SHD, bounds, bounds, longest, longest,
            scale=scale, window_size=(-1 if window is None else window - 1, 0),
            enable_gqa=query_SHD.shape[1] != key_SHD.shape[1],
        )  # fmt: skip
        assert isinstance(output_SHD, torch.Tensor)
        return output_SHD
    ends = rows.bounds.tolist()
    outputs = [
        _one_row(query_SHD[start:end], key_SHD[start:end], value_SHD[start:end], shape)
        for start, end in itertools.pairwise(ends)
    ]
    return torch.cat(outputs)


def _one_row(
    query_THD: torch.Tensor, key_THD: torch.Tensor, value_THD: torch.Tensor, shape: tuple[float | None, int | None]
) -> torch.Tensor:
    scale, window = shape
    length = query_THD.shape[0]
    mask = None if window is None or window >= length else _causal_mask(length, length, window, query_THD.device)
    output_HTD = functional.scaled_dot_product_attention(
        query_THD.transpose(0, 1)[None], key_THD.transpose(0, 1)[None], value_THD.transpose(0, 1)[None],
        attn_mask=mask, is_causal=mask is None, scale=scale, enable_gqa=query_THD.shape[1] != key_THD.shape[1],
    )[0]  # fmt: skip
    return output_HTD.transpose(0, 1)


def _decode(
    query_BHTD: torch.Tensor,
    key_BHTD: torch.Tensor,
    value_BHTD: torch.Tensor,
    attention_mask: torch.Tensor | None,
    shape: tuple[float | None, int | None],
) -> torch.Tensor:
    """New tokens against all cached ones; the result is (B, T, H, D)."""
    scale, window = shape
    mask = _causal_mask(query_BHTD.shape[2], key_BHTD.shape[2], window, query_BHTD.device)
    if attention_mask is not None:
        mask = mask & attention_mask[:, None, None, :].bool()
    output_BHTD = functional.scaled_dot_product_attention(
        query_BHTD, key_BHTD, value_BHTD,
        attn_mask=mask, scale=scale, enable_gqa=query_BHTD.shape[1] != key_BHTD.shape[1],
    )  # fmt: skip
    return output_BHTD.transpose(1, 2)


def _causal_mask(queries: int, keys: int, window: int | None, device: torch.device) -> torch.Tensor:
    """True where a query may look; the last query is level with the last key."""
    distance = torch.arange(keys - queries, keys, device=device)[:, None] - torch.arange(keys, device=device)[None]
    seen = distance >= 0
    return seen if window is None else seen & (distance < window)


def _rows_of_lengths(lengths_R: torch.Tensor) -> _Rows:
    bounds = functional.pad(lengths_R.cumsum(0, dtype=torch.int32), (1, 0))
    return _Rows(bounds, int(lengths_R.max()))


def _rows_of_packing(options: dict[str, Any], batch: int, length: int, device: torch.device) -> _Rows:
    if options.get("cu_seq_lens_q") is not None:
        return _Rows(options["cu_seq_lens_q"].to(torch.int32), int(options["max_length_q"]))
    position_ids = options.get("position_ids")
    if position_ids is None:
        return _rows_of_lengths(torch.full((batch,), length, device=device))
    starts = (position_ids.expand(batch, length).flatten() == 0).nonzero().flatten()
    ends = torch.cat([starts[1:], torch.tensor([batch * length], device=device)])
    return _rows_of_lengths(ends - starts)


def _suits_kernel(query_SHD: torch.Tensor) -> bool:
    """What flash attention takes; SDPA pads other head sizes by itself, varlen_attn refuses them."""
    size = query_SHD.shape[-1]
    return query_SHD.dtype in (torch.float16, torch.bfloat16) and size % 8 == 0 and size <= _LARGEST_HEAD


def _has_kernel(device: torch.device) -> bool:
    return (
        device.type == "cuda"
        and torch.cuda.get_device_capability(device) >= _LEAST_COMPUTE_CAPABILITY
        and inspect.signature(varlen_attn).parameters.keys() >= _CALLED_WITH
    )
