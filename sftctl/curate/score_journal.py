"""Quality scores on disk, so that no row is scored twice by the same model."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from sftctl.journal import Journal

ScoreKind = Literal["ifd", "perplexity"]


class ScoreJournal:
    """The scores of one kind by one model, by content. The file holds those of other kinds and models too.

    An entry of the file holds the rows that were scored together: all of them are known, or none.
    """

    def __init__(self, path: Path, model: str, kind: ScoreKind) -> None:
        self._journal = Journal(path)
        self._made_by = {"model": model, "kind": kind}
        self.scores: dict[str, float] = {}
        for entry in self._journal.read():
            if entry.items() >= self._made_by.items():
                self._know(entry["scores"])

    def add(self, scores: Mapping[str, float]) -> None:
        """On disk when this returns."""
        # JSON has no nan.
        entry = {content: None if math.isnan(score) else score for content, score in scores.items()}
        self._journal.append([{**self._made_by, "scores": entry}])
        self._know(entry)

    def _know(self, entry: Mapping[str, float | None]) -> None:
        self.scores |= {content: math.nan if score is None else score for content, score in entry.items()}
