"""Raw rows become a held-out set and a training set; every row read gets one verdict."""

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sftctl import console
from sftctl.curate.carried import carry_held_out
from sftctl.curate.config import CurateConfig
from sftctl.curate.corpus import Corpus, index_corpus, near_copies_among
from sftctl.curate.exact_duplicates import drop_exact_duplicates
from sftctl.curate.facts import gather_facts
from sftctl.curate.filters.apply import apply_filters
from sftctl.curate.filters.rules import merged_rules
from sftctl.curate.hold_out import hold_out
from sftctl.curate.leaks import decontaminate
from sftctl.curate.mix import STAGE as MIX
from sftctl.curate.mix import mix
from sftctl.curate.near_duplicates import Thinned, drop_near_duplicates
from sftctl.curate.outcome import Outcome, write_outcome
from sftctl.curate.repair import repair
from sftctl.curate.result import CurateResult, MixReport, NearDuplicatesReport
from sftctl.curate.token_counts import count_response_tokens, count_tokens
from sftctl.curate.verdicts import Decision, Notes
from sftctl.data.conversation import Conversation
from sftctl.data.ingest import ingest
from sftctl.errors import DataUnusable, GateFailed
from sftctl.run_dir import RunDir
from sftctl.tokenization.config import DataConfig
from sftctl.tokenization.prepare import Prepared

FILTERS = "filters"


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

    Raises DataUnusable when nothing is left to train on, GateFailed (all is written) when the filters drop too much.
    """
    ingested = ingest(
        config.sources, on_control_tokens=config.on_control_tokens, max_bad_fraction=config.max_bad_fraction
    )
    repaired = [repair(row) for row in ingested.conversations]
    rows = [row.conversation for row in repaired]
    distinct = drop_exact_duplicates(rows)
    carried = carry_held_out(distinct.kept, config.hold_out, run_dir.held_out_rows)
    corpus = index_corpus([*distinct.kept, *carried.absent], config.near_duplicates)

    held_out = hold_out(corpus, carried, config)
    clean = decontaminate(corpus, held_out.rest, held_out.rows, config.decontaminate)
    filtered = _filter(corpus, clean.rest, tokenizer, config)
    thinned = _thin(corpus, filtered, config)
    mixed = _mix([corpus.rows[i] for i in thinned.rest], tokenizer, config, seed)

    kept = {row.id for row in mixed.rows}
    positions = [position for position in thinned.rest if corpus.rows[position].id in kept]
    leaks = near_copies_among(corpus, held_out.positions, positions, config.near_duplicates.threshold)
    outcome = Outcome(
        ingested=ingested,
        rows=rows,
        decisions=[
            *distinct.decisions,
            *held_out.decisions,
            *clean.decisions,
            *filtered.decisions,
            *thinned.decisions,
            *mixed.decisions,
        ],
        notes=Notes(
            flags=filtered.flags, repairs={row.conversation.id: row.repairs for row in repaired if row.repairs}
        ),
        held_out=held_out,
        near_copies_in_training=len(leaks),
        training=mixed.rows,
        near_duplicates=thinned.report,
        decontamination=clean.report,
        mix=mixed.report,
        passed=filtered.dropped_fraction <= config.max_dropped_fraction,
    )
    result = write_outcome(outcome, config, run_dir, seed)
    _tell(result)
    if not result.passed:
        raise GateFailed(
            f"curate: the filters dropped {filtered.dropped_fraction:.1%} of the rows, more than "
            f"curate.max_dropped_fraction allows ({config.max_dropped_fraction:.1%}). Read {run_dir.rejected_rows}, "
            "then change curate.filters or raise the limit."
        )
    return result


@dataclass(frozen=True, slots=True)
class _Filtered:
    rest: list[int]
    decisions: list[Decision]
    flags: Mapping[str, tuple[str, ...]]
    dropped_fraction: float


def _filter(corpus: Corpus, positions: Sequence[int], tokenizer: Prepared, config: CurateConfig) -> _Filtered:
    rows = [corpus.rows[position] for position in positions]
    facts = gather_facts(rows, count_response_tokens(tokenizer, rows))
    judgements = apply_filters(rows, merged_rules(config.filters), facts)
    judged = list(zip(positions, rows, judgements, strict=True))
    decisions = [
        Decision(row.id, "rejected", FILTERS, judgement.reason)
        for _, row, judgement in judged
        if judgement.action == "drop"
    ]
    return _Filtered(
        rest=[position for position, _, judgement in judged if judgement.action != "drop"],
        decisions=decisions,
        flags={row.id: judgement.flags for _, row, judgement in judged if judgement.flags},
        dropped_fraction=len(decisions) / max(len(rows), 1),
    )


def _thin(corpus: Corpus, filtered: _Filtered, config: CurateConfig) -> Thinned:
    near = config.near_duplicates
    if near.method == "off":
        report = NearDuplicatesReport(
            method="off", threshold=near.threshold, ngram=near.ngram, scope=near.scope, pairs=0, removed=0
        )
        return Thinned(filtered.rest, [], report)
    if near.keep == "best":
        return drop_near_duplicates(corpus, _best_first(corpus, filtered), near)
    return drop_near_duplicates(corpus, filtered.rest, near)


def _best_first(corpus: Corpus, filtered: _Filtered) -> list[int]:
    """Fewest flags first, then the longest response; equal ones in the order of the input."""
    lengths = corpus.words.responses.lengths
    flags = {position: len(filtered.flags.get(corpus.rows[position].id, ())) for position in filtered.rest}
    return sorted(filtered.rest, key=lambda position: (flags[position], -int(lengths[position]), position))


@dataclass(frozen=True, slots=True)
class _Mixed:
    rows: list[Conversation]
    decisions: list[Decision]
    report: MixReport | None


def _mix(rows: list[Conversation], tokenizer: Prepared, config: CurateConfig, seed: int) -> _Mixed:
    """All rows, in the order of the input, where the sources have no shares."""
    if not rows:
        raise DataUnusable("curate: no row is left to train on. Lower curate.hold_out.rows, or change curate.filters.")
    if config.sources[0].share is None:
        return _Mixed(rows, [Decision(row.id, "kept", MIX) for row in rows], None)
    sizes = {row.id: 1 for row in rows}
    if config.mix.by == "tokens":
        texts = ["\n".join(message["content"] for message in row.messages) for row in rows]
        sizes = {row.id: max(count, 1) for row, count in zip(rows, count_tokens(tokenizer, texts), strict=True)}
    mixed = mix(rows, config.sources, config.mix, sizes, random.Random(seed))
    left_out = {row.id for row in mixed.left_out}
    decisions = [
        Decision(row.id, "mixed_out", MIX, "over_share") if row.id in left_out else Decision(row.id, "kept", MIX)
        for row in rows
    ]
    return _Mixed(mixed.rows, decisions, mixed.report)


def _tell(result: CurateResult) -> None:
    counts = [[name, f"{count:,}"] for name, count in result.verdicts.items() if count]
    console.table(f"{result.rows_in:,} rows read", ["verdict", "rows"], counts)
    if result.reasons:
        console.table("rejected", ["reason", "rows"], [[name, f"{count:,}"] for name, count in result.reasons.items()])
    for source in result.sources:
        if not Counter(source.verdicts)["kept"]:
            console.warn(f"source {source.name}: no row of it is kept; see its rows in rejected.jsonl")
    if result.hold_out.rows == 0:
        console.warn("nothing is held out: set curate.hold_out.rows, or add rows, to have something to measure on")
