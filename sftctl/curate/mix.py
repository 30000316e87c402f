"""Gives every source its share of the training set; rows are left out or repeated, each repeat marked."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sftctl.curate.config import CurateConfig, MixConfig
from sftctl.curate.result import MixReport
from sftctl.curate.token_counts import count_tokens
from sftctl.curate.verdicts import Decision
from sftctl.data.conversation import Conversation
from sftctl.data.source import Source
from sftctl.errors import DataUnusable
from sftctl.tokenization.prepare import Prepared

STAGE = "mix"

COPY_TAG = "copy"
COPY_MARK = "+copy"


@dataclass(frozen=True, slots=True)
class Mixed:
    """Rows of the result, source by source, copies after the rows they repeat; and the rows left out."""

    rows: list[Conversation]
    left_out: list[Conversation]
    report: MixReport


@dataclass(frozen=True, slots=True)
class _Part:
    """What one source has and what it must give, in rows or tokens."""

    source: str
    share: float
    rows: list[Conversation]
    sizes: list[int]

    @property
    def available(self) -> int:
        return sum(self.sizes)


def mix(
    rows: Sequence[Conversation],
    sources: Sequence[Source],
    config: MixConfig,
    sizes: Mapping[str, int],
    rng: random.Random,
) -> Mixed:
    """`sizes` by id: 1 to mix by rows, a row's tokens to mix by tokens.

    Without `config.size` the result is as large as all rows, or as the scarcest source allows at `max_upsampling`.
    Raises DataUnusable for a source with a share and no row, and where a source would be repeated more often.
    """
    parts = []
    for source in sources:
        own = [row for row in rows if row.source == source.name]
        parts.append(_Part(source.name, source.share or 0.0, own, [sizes[row.id] for row in own]))
    for part in parts:
        if part.available == 0:
            raise DataUnusable(
                f"source {part.source} has a share of {part.share:g} and no row left. See its rows in rejected.jsonl, "
                "or take the source out of curate.sources."
            )
    size = config.size or _natural_size(parts, config.max_upsampling)
    _check_upsampling(parts, size, config)
    mixed: list[Conversation] = []
    left_out: list[Conversation] = []
    for part in parts:
        times = _times(part, round(part.share * size), rng)
        mixed += [row for row, count in zip(part.rows, times, strict=True) if count]
        mixed += [_copy(row, n) for row, count in zip(part.rows, times, strict=True) for n in range(2, count + 1)]
        left_out += [row for row, count in zip(part.rows, times, strict=True) if count == 0]
    return Mixed(mixed, left_out, _report(mixed, parts, config, sizes))


def _natural_size(parts: Sequence[_Part], max_upsampling: float) -> int:
    scarcest = min(part.available * max_upsampling / part.share for part in parts)
    return int(min(sum(part.available for part in parts), scarcest))


def _check_upsampling(parts: Sequence[_Part], size: int, config: MixConfig) -> None:
    problems = []
    for part in parts:
        wanted = round(part.share * size)
        # The last row may pass the limit by a fraction of itself.
        if wanted > part.available * config.max_upsampling + 0.5:
            missing = int(-(-wanted // config.max_upsampling)) - part.available
            problems.append(
                f"  {part.source}: {part.share:g} of {size:,} is {wanted:,} {config.by}; it has {part.available:,}, "
                f"{wanted / part.available:.1f} times less; {missing:,} {config.by} are missing"
            )
    if problems:
        raise DataUnusable(
            f"curate.mix: sources are too small for their shares at {config.max_upsampling:g} uses of a row:\n"
            + "\n".join(problems)
            + "\nAdd rows, lower the source's share or curate.mix.size, or raise curate.mix.max_upsampling."
        )


def _times(part: _Part, wanted: int, rng: random.Random) -> list[int]:
    """How often each row is used: all equally often, and a random choice of them once more."""
    passes, rest = divmod(wanted, part.available)
    times = [passes] * len(part.rows)
    for index in rng.sample(range(len(part.rows)), len(part.rows)):
        # Half a row too many is as good as half a row too few.
        if 2 * rest < part.sizes[index]:
            break
        times[index] += 1
        rest -= part.sizes[index]
    return times


def _copy(row: Conversation, number: int) -> Conversation:
    return replace(row, id=f"{row.id}{COPY_MARK}{number}", tags=(*row.tags, COPY_TAG))


def _report(
    mixed: Sequence[Conversation], parts: Sequence[_Part], config: MixConfig, sizes: Mapping[str, int]
) -> MixReport:
    sums = {
        part.source: sum(sizes[row.id.partition(COPY_MARK)[0]] for row in mixed if row.source == part.source)
        for part in parts
    }
    total = sum(sums.values()) or 1
    return MixReport(
        by=config.by,
        asked={part.source: part.share for part in parts},
        reached={source: round(size / total, 6) for source, size in sums.items()},
        rows={part.source: sum(row.source == part.source for row in mixed) for part in parts},
        copies={
            part.source: sum(row.source == part.source and COPY_TAG in row.tags for row in mixed) for part in parts
        },
    )


@dataclass(frozen=True, slots=True)
class MixedRows:
    """The training set in order, and a decision about each row that could have been in it."""

    rows: list[Conversation]
    decisions: list[Decision]
    report: MixReport | None


def mix_rows(rows: Sequence[Conversation], tokenizer: Prepared, config: CurateConfig, seed: int) -> MixedRows:
    """All rows, in the order of the input, where the sources have no shares. Raises DataUnusable for no rows."""
    if not rows:
        raise DataUnusable(
            "curate: no row is left to train on. Lower curate.hold_out.rows, change curate.filters, or add rows."
        )
    if config.sources[0].share is None:
        return MixedRows(list(rows), [Decision(row.id, "kept", STAGE) for row in rows], None)
    sizes = dict.fromkeys((row.id for row in rows), 1)
    if config.mix.by == "tokens":
        texts = ["\n".join(message["content"] for message in row.messages) for row in rows]
        sizes = {row.id: max(count, 1) for row, count in zip(rows, count_tokens(tokenizer, texts), strict=True)}
    mixed = mix(rows, config.sources, config.mix, sizes, random.Random(seed))
    left_out = {row.id for row in mixed.left_out}
    decisions = [
        Decision(row.id, "mixed_out", STAGE, "over_share") if row.id in left_out else Decision(row.id, "kept", STAGE)
        for row in rows
    ]
    return MixedRows(mixed.rows, decisions, mixed.report)
