"""Held-out loss: base and tuned on the same rows, token-weighted, overall and for every role, source and tag."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from sftctl import stats
from sftctl.data.conversation import Conversation
from sftctl.eval.intervals import difference_of
from sftctl.eval.ledger import Ledger, key_of
from sftctl.eval.result import LossFigure, Spread
from sftctl.model.scoring import RowLoss, score_rows, token_weighted
from sftctl.tokenization.rows import EncodedRow

_ROWS_AT_ONCE = 512
_MAX_TAGS = 30


def row_losses(
    model: Callable[[], Any], rows: Sequence[EncodedRow], ledger: Ledger, *, pad_token_id: int
) -> list[RowLoss]:
    """One loss a row; rows that the ledger holds are not scored again, and then no model is loaded."""

    def measure(positions: Sequence[int]) -> list[tuple[float, int]]:
        scored = score_rows(model(), [rows[i] for i in positions], pad_token_id=pad_token_id)
        return [(loss.nats, loss.tokens) for loss in scored]

    keys = [key_of("loss", row.input_ids, row.labels) for row in rows]
    values = ledger.fill(keys, measure, at_once=_ROWS_AT_ONCE)
    return [RowLoss(row.id, nats, tokens) for row, (nats, tokens) in zip(rows, values, strict=True)]


def loss_spread(
    model: Callable[[], Any], rows: Sequence[EncodedRow], first: Sequence[RowLoss], ledger: Ledger, *, pad_token_id: int
) -> Spread:
    """The base scored a second time, one row at a time and in reverse: what padding and order add."""

    def measure(positions: Sequence[int]) -> list[float]:
        alone = [score_rows(model(), [rows[i]], pad_token_id=pad_token_id)[0] for i in reversed(positions)]
        return [loss.nats for loss in reversed(alone)]

    keys = [key_of("loss alone", row.input_ids, row.labels) for row in rows]
    again = ledger.fill(keys, measure, at_once=_ROWS_AT_ONCE)
    gaps = [nats - loss.nats for nats, loss in zip(again, first, strict=True)]
    tokens = sum(loss.tokens for loss in first)
    largest = max((abs(gap) / loss.tokens for gap, loss in zip(gaps, first, strict=True) if loss.tokens), default=0.0)
    mean = math.fsum(gaps) / tokens if tokens else 0.0
    return Spread(
        measure="held-out loss",
        unit="nats per token",
        item_unit="nats per token",
        items=len(rows),
        difference=mean,
        largest_item_difference=largest,
    )


def loss_figures(
    rows: Sequence[EncodedRow],
    conversations: Sequence[Conversation],
    base: Sequence[RowLoss] | None,
    tuned: Sequence[RowLoss],
    seed: int,
) -> list[LossFigure]:
    """Overall, then for each role, source and tag that does not hold all rows."""
    tags = {row.id: row.tags for row in conversations}
    groups: dict[tuple[str, str], list[int]] = {("all", "all"): list(range(len(rows)))}
    for position, row in enumerate(rows):
        groups.setdefault(("role", row.role), []).append(position)
        groups.setdefault(("source", row.source), []).append(position)
        for tag in tags.get(row.id, ())[:_MAX_TAGS]:
            groups.setdefault(("tag", tag), []).append(position)
    figures = []
    for (kind, group), positions in groups.items():
        chosen = [base[i] for i in positions] if base is not None else None
        figures.append(_figure(kind, group, chosen, [tuned[i] for i in positions], seed))
    return figures


def _figure(kind: str, group: str, base: Sequence[RowLoss] | None, tuned: Sequence[RowLoss], seed: int) -> LossFigure:
    after = token_weighted(tuned)
    before = token_weighted(base) if base is not None else None
    difference = None
    if base is not None:
        weights = [loss.tokens for loss in tuned]
        paired = stats.paired_bootstrap([loss.nats for loss in base], [loss.nats for loss in tuned], weights, seed=seed)
        difference = difference_of(paired)
    return LossFigure.model_validate(
        {
            "group": group,
            "kind": kind,
            "rows": len(tuned),
            "tokens": sum(loss.tokens for loss in tuned),
            "base": before,
            "tuned": after,
            "base_perplexity": None if before is None else perplexity(before),
            "tuned_perplexity": perplexity(after),
            "difference": difference,
        }
    )


def perplexity(nats_per_token: float) -> float:
    """exp of the mean loss, at most 1e300, so that it can be written as JSON."""
    return math.exp(min(nats_per_token, 690.0))


def domain_figure(figures: Sequence[LossFigure]) -> LossFigure | None:
    """What the tuned model is to be better at: the domain rows, else all rows."""
    named = {(figure.kind, figure.group): figure for figure in figures}
    return named.get(("role", "domain")) or named.get(("all", "all"))


def general_figure(figures: Sequence[LossFigure]) -> LossFigure | None:
    """What must not be forgotten: the general rows."""
    return next((figure for figure in figures if (figure.kind, figure.group) == ("role", "general")), None)
