"""What curate leaves behind besides the rows: curate.json, counts that add up and figures a reader can check."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from sftctl.curate.diversity_result import DiversityComparison

VerdictName = Literal["kept", "rejected", "held_out", "not_selected", "mixed_out", "blank"]

VERDICTS: tuple[VerdictName, ...] = ("kept", "rejected", "held_out", "not_selected", "mixed_out", "blank")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SourceCounts(_Part):
    """One source's rows by verdict; `format` is what was detected or named, `columns` what it reads."""

    name: str
    role: str
    format: str
    columns: list[str]
    rows: int
    verdicts: dict[str, int]


class HoldOutReport(_Part):
    """The held-out set, and the check that nothing near it is trained on.

    `absent_rows` are held out since an earlier run, or in the frozen file, and not in the input.
    """

    rows: int
    rows_by_role: dict[str, int]
    rows_by_source: dict[str, int]
    absent_rows: int
    frozen: bool
    sha256: str
    groups: int
    largest_group: int
    near_copies_in_training: int


class NearDuplicatesReport(_Part):
    """How near-duplicates were found and how many rows they cost."""

    method: str
    threshold: float
    ngram: int
    scope: str
    pairs: int
    removed: int


class DecontaminationReport(_Part):
    """Rows removed because a test item is in them, by file."""

    items: dict[str, int]
    hits: dict[str, int]


class MixReport(_Part):
    """Shares asked and reached, rows or tokens of each source, and copies made."""

    by: Literal["rows", "tokens"]
    asked: dict[str, float]
    reached: dict[str, float]
    rows: dict[str, int]
    copies: dict[str, int]


class SelectionReport(_Part):
    """Rows chosen of each cluster, and the cluster's size."""

    asked: int
    quotas: list[int]
    sizes: list[int]


class Sample(_Part):
    """A row to read, in full: `matched` is the row or test item it was too near to."""

    id: str
    source: str
    row: dict[str, Any]
    matched: dict[str, Any] | None = None


class CurateResult(_Part):
    """The whole of curate.json. `verdicts` add up to `rows_in`; copies are counted apart."""

    schema_version: Literal[1] = 1
    passed: bool
    warnings: list[str] = []
    rows_in: int
    verdicts: dict[VerdictName, int]
    reasons: dict[str, int]
    flags: dict[str, int]
    repairs: dict[str, int]
    copies: int
    training_rows: int
    sources: list[SourceCounts]
    hold_out: HoldOutReport
    near_duplicates: NearDuplicatesReport
    decontamination: DecontaminationReport
    mix: MixReport | None = None
    selection: SelectionReport | None = None
    diversity: DiversityComparison | None = None
    samples: dict[str, list[Sample]] = {}

    @property
    def notes(self) -> list[str]:
        """What verdicts and reasons leave out, a line each: how copies add up, the mix, repairs, flags."""
        lines = []
        if self.copies:
            kept = f"{self.verdicts.get('kept', 0):,} kept + {self.copies:,} repeated"
            lines.append(f"{self.training_rows:,} training rows = {kept}")
        if mixed_out := self.verdicts.get("mixed_out"):
            lines.append(f"mixed_out: {mixed_out:,} good rows left out for the mix's shares or size")
        for done, counts in (("repaired", self.repairs), ("flagged, which drops no row", self.flags)):
            if counts:
                lines.append(f"{done}: " + ", ".join(f"{name} {count:,}" for name, count in counts.items()))
        return lines
