"""Raw rows become a held-out set and a training set; every row read gets one verdict."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from sftctl import console
from sftctl.curate.carried import carry_held_out
from sftctl.curate.choosing import Quality, choose_rows, score_rows
from sftctl.curate.config import CurateConfig
from sftctl.curate.corpus import Corpus, index_corpus, near_copies_among
from sftctl.curate.diversity import compare_diversity
from sftctl.curate.exact_duplicates import Deduplicated, drop_exact_duplicates
from sftctl.curate.filtering import Filtered, filter_rows
from sftctl.curate.hold_out import HeldOut, hold_out
from sftctl.curate.leaks import Decontaminated, decontaminate
from sftctl.curate.mix import mix_rows
from sftctl.curate.near_duplicates import Thinned, drop_near_duplicates
from sftctl.curate.outcome import Outcome, write_outcome
from sftctl.curate.quality import LossModel
from sftctl.curate.repair import repair
from sftctl.curate.result import CurateResult
from sftctl.curate.verdicts import Notes
from sftctl.data.conversation import Conversation
from sftctl.data.ingest import ingest
from sftctl.data.ingested import Ingested
from sftctl.data.rows import AnyRow
from sftctl.errors import GateFailed
from sftctl.run_dir import RunDir
from sftctl.tokenization.prepare import Prepared
from sftctl.units import percent


def curate(
    config: CurateConfig,
    tokenizer: Prepared,
    run_dir: RunDir,
    seed: int,
    *,
    score: LossModel | None = None,
    begun: Mapping[str, Iterator[AnyRow]] | None = None,
) -> CurateResult:
    """Writes train.jsonl, held_out.jsonl, rejected.jsonl, verdicts.parquet and curate.json.

    `score` gives the mean loss of each row's last response; it is needed where the recipe asks for a quality score.
    `begun` holds the rows of sources that were begun to be read and cannot be read again, by name.
    Raises DataUnusable when nothing is left to train on, GateFailed (all is written) when the filters drop too much.
    """
    read = _read(config, tokenizer, begun)
    split = _split(read.distinct.kept, config, run_dir)
    narrowed = _narrow(
        split, tokenizer, config, lambda rows: score_rows(rows, config.quality, score, run_dir.quality_scores)
    )
    chosen = choose_rows(narrowed.rows, narrowed.quality, config.select, seed)
    mixed = mix_rows(chosen.rows, tokenizer, config, seed)

    corpus, held_out, training_ids = split.corpus, split.held_out, {row.id for row in mixed.rows}
    positions = [position for position in narrowed.thinned.rest if corpus.rows[position].id in training_ids]
    leaks = near_copies_among(corpus, held_out.positions, positions, config.near_duplicates.threshold)
    steps = (read.distinct, held_out, split.clean, narrowed.filtered, narrowed.thinned, chosen, mixed)
    outcome = Outcome(
        ingested=read.ingested,
        rows=read.rows,
        decisions=[decision for step in steps for decision in step.decisions],
        notes=Notes(flags=narrowed.filtered.flags, repairs=read.repairs, scores=narrowed.quality.scores),
        warnings=(*held_out.warnings, *_held_out_faults(split, tokenizer, config), *narrowed.filtered.warnings),
        held_out=held_out,
        near_copies_in_training=len(leaks),
        training=mixed.rows,
        near_duplicates=narrowed.thinned.report,
        decontamination=split.clean.report,
        selection=chosen.report,
        mix=mixed.report,
        diversity=compare_diversity(read.rows, mixed.rows, seed),
        passed=narrowed.filtered.dropped_fraction <= config.max_dropped_fraction,
    )
    result = write_outcome(outcome, config, run_dir, seed)
    _tell(result)
    _require_enough_left(narrowed.filtered, config, run_dir)
    return result


def _held_out_faults(split: "_Split", tokenizer: Prepared, config: CurateConfig) -> list[str]:
    """A sentence where filters would have dropped held-out rows: told, and never acted on."""
    judged = filter_rows(split.corpus, split.held_out.positions, tokenizer, config.filters)
    reasons = Counter(decision.reason for decision in judged.decisions)
    if not reasons:
        return []
    named = ", ".join(f"{reason} {count}" for reason, count in sorted(reasons.items()))
    return [
        f"{len(judged.decisions)} of {len(split.held_out.positions)} held-out rows would have been dropped by filters "
        f"({named}). They stay, since no filter chooses what is held out; mend or remove them at the source"
    ]


@dataclass(frozen=True, slots=True)
class _Read:
    ingested: Ingested
    rows: list[Conversation]
    repairs: dict[str, tuple[str, ...]]
    distinct: Deduplicated


def _read(config: CurateConfig, tokenizer: Prepared, begun: Mapping[str, Iterator[AnyRow]] | None) -> _Read:
    """Ingest, repair, exact duplicates."""
    ingested = ingest(
        config.sources,
        on_control_tokens=config.on_control_tokens,
        control_tokens=tokenizer.control_tokens,
        max_bad_fraction=config.max_bad_fraction,
        begun=begun,
    )
    repaired = [repair(row) for row in ingested.conversations]
    rows = [mended.conversation for mended in repaired]
    repairs: dict[str, tuple[str, ...]] = {mended.conversation.id: mended.repairs for mended in repaired}
    return _Read(ingested, rows, {row: names for row, names in repairs.items() if names}, drop_exact_duplicates(rows))


@dataclass(frozen=True, slots=True)
class _Split:
    corpus: Corpus
    held_out: HeldOut
    clean: Decontaminated


def _split(rows: list[Conversation], config: CurateConfig, run_dir: RunDir) -> _Split:
    """Groups of near copies, the held-out set drawn from them, and whatever would leak taken from the rest."""
    carried = carry_held_out(rows, config.hold_out, run_dir.held_out_rows)
    corpus = index_corpus([*rows, *carried.absent], config.near_duplicates)
    held_out = hold_out(corpus, carried, config)
    return _Split(corpus, held_out, decontaminate(corpus, held_out.rest, held_out.rows, config.decontaminate))


@dataclass(frozen=True, slots=True)
class _Narrowed:
    filtered: Filtered
    thinned: Thinned
    quality: Quality
    rows: list[Conversation]


_Scored = Callable[[list[Conversation]], Quality]


def _narrow(split: _Split, tokenizer: Prepared, config: CurateConfig, scored: _Scored) -> _Narrowed:
    """Filters, near-duplicates, quality. The score comes first only where it says which near-duplicate is best."""
    corpus, near = split.corpus, config.near_duplicates
    filtered = filter_rows(corpus, split.clean.rest, tokenizer, config.filters)
    if near.keep == "best":
        quality = scored([corpus.rows[i] for i in filtered.rest])
        thinned = drop_near_duplicates(corpus, _best_first(corpus, filtered, quality), near)
    else:
        thinned = drop_near_duplicates(corpus, filtered.rest, near)
        quality = scored([corpus.rows[i] for i in thinned.rest])
    rows = [filtered.redacted.get(position, corpus.rows[position]) for position in thinned.rest]
    return _Narrowed(filtered, thinned, quality, rows)


def _best_first(corpus: Corpus, filtered: Filtered, quality: Quality) -> list[int]:
    """Fewest flags, then the better rank, then the longer response; equal ones in the order of the input."""
    lengths = corpus.words.responses.lengths

    def worth(position: int) -> tuple[int, float, int, int]:
        row_id = corpus.rows[position].id
        return len(filtered.flags.get(row_id, ())), -quality.ranks.get(row_id, 0.0), -int(lengths[position]), position

    return sorted(filtered.rest, key=worth)


def _require_enough_left(filtered: Filtered, config: CurateConfig, run_dir: RunDir) -> None:
    if filtered.dropped_fraction > config.max_dropped_fraction:
        raise GateFailed(
            f"curate: the filters dropped {percent(filtered.dropped_fraction)} of the rows, more than "
            f"curate.max_dropped_fraction allows ({percent(config.max_dropped_fraction)}). "
            f"Read {run_dir.rejected_rows}, then change curate.filters or raise the limit."
        )


def _tell(result: CurateResult) -> None:
    counts = [[name, f"{count:,}"] for name, count in result.verdicts.items() if count]
    console.table(f"{result.rows_in:,} rows read", ["verdict", "rows"], counts)
    if result.reasons:
        console.table("rejected", ["reason", "rows"], [[name, f"{count:,}"] for name, count in result.reasons.items()])
    for note in result.notes:
        console.say(note)
    for source in result.sources:
        if not source.verdicts.get("kept"):
            console.warn(f"source {source.name}: no row of it is kept; see its rows in rejected.jsonl")
    if result.hold_out.rows == 0:
        console.warn("nothing is held out: set curate.hold_out.rows, or add rows, to have something to measure on")
    for warning in result.warnings:
        console.warn(warning)
