"""Accounting: every row read has exactly one verdict, with its reason; raises where the counts do not add up."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from sftctl.curate.result import VERDICTS, VerdictName
from sftctl.data.conversation import Conversation
from sftctl.data.ingested import Ingested, Place

_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("source", pa.string()),
        ("file", pa.string()),
        ("line", pa.int64()),
        ("stage", pa.string()),
        ("verdict", pa.string()),
        ("reason", pa.string()),
        ("matched_id", pa.string()),
        ("score", pa.float64()),
        ("flags", pa.list_(pa.string())),
        ("repairs", pa.list_(pa.string())),
    ]
)


@dataclass(frozen=True, slots=True)
class Decision:
    """What one step decided about one conversation. `matched_id` is the row, or test item, it was too near to."""

    id: str
    verdict: VerdictName
    stage: str
    reason: str | None = None
    matched_id: str | None = None


@dataclass(frozen=True, slots=True)
class Notes:
    """What is known of rows besides their verdict, by id."""

    flags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    repairs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verdict:
    """One line of verdicts.parquet."""

    decision: Decision
    source: str
    place: Place
    flags: tuple[str, ...] = ()
    repairs: tuple[str, ...] = ()
    score: float | None = None


def account(ingested: Ingested, decisions: Iterable[Decision], notes: Notes) -> list[Verdict]:
    """One verdict a row read, source by source in the order of reading. AssertionError when a row has none or two."""
    by_id: dict[str, Decision] = {}
    for decision in decisions:
        if decision.id in by_id:
            raise AssertionError(f"row {decision.id} has two verdicts: {by_id[decision.id]} and {decision}")
        by_id[decision.id] = decision
    without = [row.id for row in ingested.conversations if row.id not in by_id]
    if without:
        raise AssertionError(f"{len(without)} rows have no verdict, the first is {without[0]}")
    verdicts = [
        Verdict(
            by_id.pop(row.id),
            row.source,
            ingested.places[row.id],
            notes.flags.get(row.id, ()),
            notes.repairs.get(row.id, ()),
            notes.scores.get(row.id),
        )
        for row in ingested.conversations
    ]
    if by_id:
        raise AssertionError(
            f"{len(by_id)} verdicts are about no row that was read, the first about {next(iter(by_id))}"
        )
    for bad in ingested.rejected:
        verdicts.append(Verdict(Decision(bad.id, "rejected", "ingest", bad.reason), bad.source, bad.place))
    for blank in ingested.blank:
        verdicts.append(Verdict(Decision(blank.id, "blank", "ingest", "blank_line"), blank.source, blank.place))
    if len(verdicts) != ingested.rows_read:
        raise AssertionError(f"{ingested.rows_read} rows were read, {len(verdicts)} have a verdict")
    order = {name: i for i, name in enumerate(dict.fromkeys(verdict.source for verdict in verdicts))}
    return sorted(verdicts, key=lambda verdict: (order[verdict.source], verdict.place.line))


def count_verdicts(verdicts: Iterable[Verdict]) -> dict[VerdictName, int]:
    """Rows by verdict, every verdict named."""
    counts = Counter(verdict.decision.verdict for verdict in verdicts)
    return {name: counts[name] for name in VERDICTS}


def count_reasons(verdicts: Iterable[Verdict]) -> dict[str, int]:
    """Rejected rows by reason, the most frequent first."""
    return _ranked(verdict.decision.reason or "" for verdict in verdicts if verdict.decision.verdict == "rejected")


def count_notes(notes: Mapping[str, tuple[str, ...]]) -> dict[str, int]:
    """Rows by flag or by repair, the most frequent first."""
    return _ranked(name for names in notes.values() for name in names)


def _ranked(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items(), key=lambda item: (-item[1], item[0])))


def write_verdicts(verdicts: Sequence[Verdict], file: IO[bytes]) -> None:
    """verdicts.parquet."""
    columns = {
        "id": [verdict.decision.id for verdict in verdicts],
        "source": [verdict.source for verdict in verdicts],
        "file": [verdict.place.file for verdict in verdicts],
        "line": [verdict.place.line for verdict in verdicts],
        "stage": [verdict.decision.stage for verdict in verdicts],
        "verdict": [verdict.decision.verdict for verdict in verdicts],
        "reason": [verdict.decision.reason for verdict in verdicts],
        "matched_id": [verdict.decision.matched_id for verdict in verdicts],
        "score": [verdict.score for verdict in verdicts],
        "flags": [verdict.flags for verdict in verdicts],
        "repairs": [verdict.repairs for verdict in verdicts],
    }
    pq.write_table(pa.table(columns, schema=_SCHEMA), file, compression="zstd")


def rejected_rows(
    verdicts: Iterable[Verdict], conversations: Mapping[str, Conversation], ingested: Ingested
) -> Iterator[dict[str, Any]]:
    """Rejected rows in full, each with its verdict, in the order of `verdicts`."""
    unread = {bad.id: bad for bad in ingested.rejected}
    for verdict in verdicts:
        decision = verdict.decision
        if decision.verdict != "rejected":
            continue
        row: dict[str, Any] = {
            "id": decision.id,
            "source": verdict.source,
            "file": verdict.place.file,
            "line": verdict.place.line,
            "stage": decision.stage,
            "reason": decision.reason,
        }
        if decision.id in unread:
            bad = unread[decision.id]
            yield {**row, "field": bad.field, "message": bad.message, "row": bad.raw}
        else:
            yield {**row, "matched_id": decision.matched_id, "row": conversations[decision.id].to_json()}
