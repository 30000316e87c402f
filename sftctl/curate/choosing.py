"""Scores rows by the recipe's model, and chooses the few that cover the many where the recipe asks for so many."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sftctl.curate.config import QualityConfig, SelectConfig
from sftctl.curate.quality import LossModel, quality_ranks, quality_scores
from sftctl.curate.result import SelectionReport
from sftctl.curate.score_journal import ScoreJournal
from sftctl.curate.select import select
from sftctl.curate.verdicts import Decision
from sftctl.data.conversation import Conversation
from sftctl.errors import UsageError

STAGE = "select"


@dataclass(frozen=True, slots=True)
class Quality:
    """Scores and ranks (0 worst, 1 best within a task type) by id; both empty where the recipe asks for none."""

    scores: Mapping[str, float] = field(default_factory=dict)
    ranks: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Chosen:
    """Rows that go on and a decision about each that does not; no report where all go on unasked."""

    rows: list[Conversation]
    decisions: list[Decision]
    report: SelectionReport | None


def score_rows(rows: Sequence[Conversation], config: QualityConfig, losses: LossModel | None, journal: Path) -> Quality:
    """`journal` keeps the scores for another run. Raises UsageError when one is asked for and no model is given."""
    if config.score == "off":
        return Quality()
    if losses is None:
        raise UsageError(
            f"curate.quality.score: {config.score} needs the recipe's model; set model.path, or score: off"
        )
    scores = quality_scores(rows, losses, config.score, ScoreJournal(journal, losses.identity, config.score))
    ranks = quality_ranks(rows, scores, config.score)
    return Quality({row_id: score for row_id, score in scores.items() if not math.isnan(score)}, ranks)


def choose_rows(rows: Sequence[Conversation], quality: Quality, config: SelectConfig, seed: int) -> Chosen:
    """All rows, unless `config.rows` asks for fewer."""
    if config.rows is None:
        return Chosen(list(rows), [], None)
    selection = select(rows, config.rows, seed, quality=quality.ranks or None)
    chosen = set(selection.ids)
    return Chosen(
        rows=[row for row in rows if row.id in chosen],
        decisions=[Decision(row.id, "not_selected", STAGE, "not_selected") for row in rows if row.id not in chosen],
        report=SelectionReport(asked=config.rows, quotas=list(selection.quotas), sizes=list(selection.sizes)),
    )
