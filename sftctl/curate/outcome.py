"""What curation came to: every row's verdict, the files of the run directory, and curate.json."""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import IO, Any

from sftctl.curate.config import CurateConfig
from sftctl.curate.diversity_result import DiversityComparison
from sftctl.curate.hold_out import HeldOut
from sftctl.curate.mix import COPY_TAG
from sftctl.curate.result import (
    CurateResult,
    DecontaminationReport,
    HoldOutReport,
    MixReport,
    NearDuplicatesReport,
    SelectionReport,
    SourceCounts,
)
from sftctl.curate.samples import draw_samples
from sftctl.curate.verdicts import (
    Decision,
    Notes,
    Verdict,
    account,
    count_notes,
    count_reasons,
    count_verdicts,
    rejected_rows,
    write_verdicts,
)
from sftctl.data.conversation import Conversation
from sftctl.data.ingested import Ingested
from sftctl.run_dir import RunDir, write_json, write_with


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that the steps decided. `rows` are the input's conversations after repair."""

    ingested: Ingested
    rows: list[Conversation]
    decisions: list[Decision]
    notes: Notes
    held_out: HeldOut
    near_copies_in_training: int
    training: list[Conversation]
    near_duplicates: NearDuplicatesReport
    decontamination: DecontaminationReport
    selection: SelectionReport | None
    mix: MixReport | None
    diversity: DiversityComparison | None
    warnings: tuple[str, ...]
    passed: bool


def write_outcome(outcome: Outcome, config: CurateConfig, run_dir: RunDir, seed: int) -> CurateResult:
    """Writes the five files, curate.json last. Raises AssertionError, before it writes, when a row has no verdict."""
    verdicts = account(outcome.ingested, outcome.decisions, outcome.notes)
    by_id = {row.id: row for row in outcome.rows}
    write_with(run_dir.held_out_rows, lambda file: _write_rows(file, (row.to_json() for row in outcome.held_out.rows)))
    write_with(run_dir.training_rows, lambda file: _write_rows(file, (row.to_json() for row in outcome.training)))
    write_with(run_dir.rejected_rows, lambda file: _write_rows(file, rejected_rows(verdicts, by_id, outcome.ingested)))
    write_with(run_dir.verdicts, lambda file: write_verdicts(verdicts, file))
    held_out_sha256 = hashlib.sha256(run_dir.held_out_rows.read_bytes()).hexdigest()
    result = CurateResult(
        passed=outcome.passed,
        warnings=list(outcome.warnings),
        rows_in=outcome.ingested.rows_read,
        verdicts=count_verdicts(verdicts),
        reasons=count_reasons(verdicts),
        flags=count_notes(outcome.notes.flags),
        repairs=count_notes(outcome.notes.repairs),
        copies=sum(COPY_TAG in row.tags for row in outcome.training),
        training_rows=len(outcome.training),
        sources=_count_sources(config, outcome.ingested, verdicts),
        hold_out=_hold_out_report(outcome, config, held_out_sha256),
        near_duplicates=outcome.near_duplicates,
        decontamination=outcome.decontamination,
        mix=outcome.mix,
        selection=outcome.selection,
        diversity=outcome.diversity,
        samples=draw_samples(verdicts, {**by_id, **{row.id: row for row in outcome.training}}, outcome.ingested, seed),
    )
    write_json(run_dir.curate_result, result.model_dump(mode="json"))
    return result


def _write_rows(file: IO[bytes], rows: Iterable[dict[str, Any]]) -> None:
    for row in rows:
        file.write(json.dumps(row, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n")


def _hold_out_report(outcome: Outcome, config: CurateConfig, sha256: str) -> HoldOutReport:
    held_out = outcome.held_out
    return HoldOutReport(
        rows=len(held_out.rows),
        rows_by_role=_sorted_counts(row.role for row in held_out.rows),
        rows_by_source=_sorted_counts(row.source for row in held_out.rows),
        absent_rows=held_out.absent_rows,
        frozen=config.hold_out.frozen is not None,
        sha256=sha256,
        groups=held_out.groups,
        largest_group=held_out.largest_group,
        near_copies_in_training=outcome.near_copies_in_training,
    )


def _sorted_counts(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))


def _count_sources(config: CurateConfig, ingested: Ingested, verdicts: Sequence[Verdict]) -> list[SourceCounts]:
    detected = {found.source: found for found in ingested.detected}
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for verdict in verdicts:
        counts[verdict.source][verdict.decision.verdict] += 1
    return [
        SourceCounts(
            name=source.name,
            role=source.role,
            format=detected[source.name].format,
            columns=list(detected[source.name].columns),
            rows=counts[source.name].total(),
            verdicts=dict(sorted(counts[source.name].items())),
        )
        for source in config.sources
    ]
