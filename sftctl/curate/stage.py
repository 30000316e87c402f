"""Raw rows become a held-out set and a training set; every row read gets one verdict."""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import IO, Any

from sftctl.curate.config import CurateConfig
from sftctl.curate.exact_duplicates import drop_exact_duplicates
from sftctl.curate.facts import gather_facts
from sftctl.curate.filters.apply import apply_filters
from sftctl.curate.filters.rules import merged_rules
from sftctl.curate.hold_out import choose_held_out
from sftctl.curate.repair import repair
from sftctl.curate.result import (
    CurateResult,
    DecontaminationReport,
    HoldOutReport,
    NearDuplicatesReport,
    SourceCounts,
)
from sftctl.curate.token_counts import count_response_tokens
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
from sftctl.data.ingest import ingest
from sftctl.data.ingested import Ingested
from sftctl.run_dir import RunDir, write_json, write_with
from sftctl.tokenization.config import DataConfig
from sftctl.tokenization.prepare import Prepared


def curate(
    config: CurateConfig,
    data: DataConfig,
    tokenizer: Prepared,
    run_dir: RunDir,
    seed: int,
    *,
    score: Callable[..., Any] | None = None,
) -> CurateResult:
    """Writes train.jsonl, held_out.jsonl, rejected.jsonl, verdicts.parquet and curate.json.

    Raises DataUnusable when nothing is left to train on, GateFailed when the filters drop too much.
    """
    ingested = ingest(
        config.sources, on_control_tokens=config.on_control_tokens, max_bad_fraction=config.max_bad_fraction
    )
    repaired = [repair(row) for row in ingested.conversations]
    repairs = {row.conversation.id: row.repairs for row in repaired if row.repairs}
    distinct = drop_exact_duplicates([row.conversation for row in repaired])
    decisions = list(distinct.decisions)

    held_out_ids = choose_held_out(distinct.kept, config.hold_out)
    decisions += held_out_ids
    chosen = {decision.id for decision in held_out_ids}
    held_out = [row for row in distinct.kept if row.id in chosen]
    candidates = [row for row in distinct.kept if row.id not in chosen]

    facts = gather_facts(candidates, count_response_tokens(tokenizer, candidates))
    judgements = apply_filters(candidates, merged_rules(config.filters), facts)
    judged = list(zip(candidates, judgements, strict=True))
    decisions += [
        Decision(row.id, "rejected", "filters", found.reason) for row, found in judged if found.action == "drop"
    ]
    training = [row for row, found in judged if found.action != "drop"]
    decisions += [Decision(row.id, "kept", "mix") for row in training]
    flags = {row.id: found.flags for row, found in judged if found.flags}

    verdicts = account(ingested, decisions, Notes(flags=flags, repairs=repairs))
    return _write(config, run_dir, ingested, verdicts, held_out, training, flags, repairs, repaired)  # type: ignore[no-any-return,no-untyped-call]


def _write(config, run_dir, ingested, verdicts, held_out, training, flags, repairs, repaired):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, PLR0913
    write_with(run_dir.held_out_rows, lambda file: _write_rows(file, (row.to_json() for row in held_out)))
    write_with(run_dir.training_rows, lambda file: _write_rows(file, (row.to_json() for row in training)))
    by_id = {row.conversation.id: row.conversation for row in repaired}
    write_with(run_dir.rejected_rows, lambda file: _write_rows(file, rejected_rows(verdicts, by_id, ingested)))
    write_with(run_dir.verdicts, lambda file: write_verdicts(verdicts, file))
    result = CurateResult(
        passed=True,
        rows_in=ingested.rows_read,
        verdicts=count_verdicts(verdicts),
        reasons=count_reasons(verdicts),
        flags=count_notes(flags),
        repairs=count_notes(repairs),
        copies=0,
        training_rows=len(training),
        sources=_count_sources(config, ingested, verdicts),
        hold_out=HoldOutReport(
            rows=len(held_out),
            rows_by_role=dict(Counter(row.role for row in held_out)),
            rows_by_source=dict(Counter(row.source for row in held_out)),
            carried_rows=0,
            frozen=False,
            sha256=hashlib.sha256(run_dir.held_out_rows.read_bytes()).hexdigest(),
            groups=len(held_out),
            largest_group=1,
            near_copies_in_training=0,
        ),
        near_duplicates=NearDuplicatesReport(
            method="off",
            threshold=config.near_duplicates.threshold,
            ngram=config.near_duplicates.ngram,
            scope=config.near_duplicates.scope,
            pairs=0,
            removed=0,
        ),
        decontamination=DecontaminationReport(items={}, hits={}),
    )
    write_json(run_dir.curate_result, result.model_dump())
    return result


def _write_rows(file: IO[bytes], rows: Iterable[dict[str, Any]]) -> None:
    for row in rows:
        file.write(json.dumps(row, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n")


def _count_sources(config: CurateConfig, ingested: Ingested, verdicts: Sequence[Verdict]) -> list[SourceCounts]:
    formats = {found.source: found.format for found in ingested.detected}
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for verdict in verdicts:
        counts[verdict.source][verdict.decision.verdict] += 1
    return [
        SourceCounts(
            name=source.name,
            role=source.role,
            format=formats.get(source.name, "unknown"),
            rows=counts[source.name].total(),
            verdicts=dict(counts[source.name]),
        )
        for source in config.sources
    ]
