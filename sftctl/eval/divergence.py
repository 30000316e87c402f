"""KL divergence of the tuned model from the base, token by token over the same responses."""

# T trained tokens of a row, V vocabulary
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Literal

import torch

from sftctl.eval.ledger import Ledger, key_of
from sftctl.model.adapters import unwrapped
from sftctl.model.inference import inference
from sftctl.tokenization.rows import NOT_TRAINED, EncodedRow

MAX_ROWS = 50
_MAX_KEPT = 2**28
"""Log-probabilities of the first model that are kept until the second one has run: 1 GiB in float32."""

OpenModel = Callable[[Literal["base", "tuned"]], AbstractContextManager[Any]]


def kl_to_base(
    open_model: OpenModel, rows: Sequence[EncodedRow], ledger: Ledger, *, identity: str
) -> list[tuple[float, int]]:
    """(summed KL(base || tuned) in nats, tokens) of each row; exactly 0 for equal models.

    The tuned model runs first, since it is the one that is still loaded when this is asked for.
    """

    def measure(positions: Sequence[int]) -> list[tuple[float, int]]:
        chosen = [rows[i] for i in positions]
        with open_model("tuned") as model, inference(model):
            tuned = [_log_probabilities(model, row) for row in chosen]
        with open_model("base") as model, inference(model):
            return [
                _divergence(_log_probabilities(model, row), after) for row, after in zip(chosen, tuned, strict=True)
            ]

    keys = [key_of("kl", identity, row.input_ids, row.labels) for row in rows]
    return [(nats, tokens) for nats, tokens in ledger.fill(keys, measure, at_once=len(rows) or 1)]


def rows_within_memory(rows: Sequence[EncodedRow], vocabulary: int) -> list[EncodedRow]:
    """The first rows whose distributions fit into memory, MAX_ROWS at most and one at least."""
    kept: list[EncodedRow] = []
    tokens = 0
    for row in rows[:MAX_ROWS]:
        tokens += row.trained_tokens
        if kept and tokens * vocabulary > _MAX_KEPT:
            break
        kept.append(row)
    return kept


def _log_probabilities(model: Any, row: EncodedRow) -> torch.Tensor:
    ids = torch.tensor([row.input_ids], device=model.device)
    trained_T = (torch.tensor(row.labels[1:]) != NOT_TRAINED).nonzero().flatten().to(model.device)
    logits_TV = unwrapped(model)(input_ids=ids, use_cache=False).logits[0, :-1][trained_T]
    return torch.log_softmax(logits_TV.float(), dim=-1).cpu()


def _divergence(base_TV: torch.Tensor, tuned_TV: torch.Tensor) -> tuple[float, int]:
    nats_T = (base_TV.exp() * (base_TV - tuned_TV)).double().sum(dim=-1)
    return float(nats_T.sum()), len(nats_T)
