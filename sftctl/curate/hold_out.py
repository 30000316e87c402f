"""Chooses the rows that are never trained on, in whole groups of near copies, before any filter looks at a row."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sftctl.curate.carried import Carried
from sftctl.curate.config import CurateConfig, HoldOutConfig
from sftctl.curate.corpus import Corpus, near_copies_among
from sftctl.curate.verdicts import Decision
from sftctl.data.conversation import Conversation, SourceRole

STAGE = "hold_out"

Name = TypeVar("Name", str, SourceRole)

MAX_SHARE = 0.2
"""At most this share of a role's rows is held out."""

AUTO_ROWS = 200
"""Of each role, where there are enough."""

LARGEST_GROUP_SHARE = 0.1
"""A group larger than this share of its role's quota stays in training: it would be most of what is measured."""


@dataclass(frozen=True, slots=True)
class HeldOut:
    """`rows` as they are written; `positions` of all held-out rows in the corpus, `rest` of those that go on."""

    rows: list[Conversation]
    positions: list[int]
    rest: list[int]
    decisions: list[Decision]
    absent_rows: int
    groups: int
    largest_group: int
    warnings: tuple[str, ...]


def hold_out(corpus: Corpus, carried: Carried, config: CurateConfig) -> HeldOut:
    """Every row of the input is held out, rejected as a near copy of one that is, or goes on.

    The corpus ends with the carried rows that the input lacks.
    """
    size = len(corpus.rows) - len(carried.absent)
    already = frozenset(carried.present) | frozenset(range(size, len(corpus.rows)))
    quota = config.hold_out.model_copy(update={"rows": 0}) if config.hold_out.frozen else config.hold_out
    drawn = draw_held_out(corpus.rows, corpus.groups.tolist(), already, quota)
    positions = sorted(already | set(drawn.rows))
    others = sorted(set(range(size)) - set(positions))
    near = near_copies_among(corpus, positions, others, config.near_duplicates.threshold)
    own = {position: carried.present.get(position, corpus.rows[position]) for position in positions if position < size}
    decisions = [Decision(corpus.rows[i].id, "held_out", STAGE, matched_id=row.id) for i, row in own.items()]
    for position, match in near.items():
        row_id, matched_id = corpus.rows[position].id, corpus.rows[match].id
        decisions.append(Decision(row_id, "rejected", STAGE, "near_held_out", matched_id))
    return HeldOut(
        rows=[*own.values(), *carried.absent],
        positions=positions,
        rest=[position for position in others if position not in near],
        decisions=decisions,
        absent_rows=len(carried.absent),
        groups=len({int(corpus.groups[position]) for position in positions}),
        largest_group=drawn.largest_group,
        warnings=drawn.warnings,
    )


@dataclass(frozen=True, slots=True)
class Drawn:
    """Positions of the rows that are held out, and the size of the largest group there was."""

    rows: list[int]
    largest_group: int
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Rows that are near copies of each other, by a chain; all are held out, or none."""

    rows: tuple[int, ...]
    by_source: Counter[str]
    by_role: Counter[SourceRole]
    rank: str

    @property
    def id(self) -> int:
        return self.rows[0]


def draw_held_out(
    conversations: Sequence[Conversation], groups: Sequence[int], carried: frozenset[int], config: HoldOutConfig
) -> Drawn:
    """Fills each role's quota, source by source in proportion to their rows, with groups in the order of their hash.

    `carried` rows are held out already and count; a group with one of them is not drawn. The order comes from the
    user turns alone, so a rerun, another seed, or a file that has grown keep the same rows out. Drawing again with
    the drawn rows carried draws nothing more.
    """
    found = _groups(conversations, groups)
    most = {role: int(count * MAX_SHARE) for role, count in Counter(row.role for row in conversations).items()}
    asked = {role: min(AUTO_ROWS, rows) if config.rows == "auto" else config.rows for role, rows in most.items()}
    role_quota = {role: min(asked[role], most[role]) for role in most}
    source_quota = _by_source(conversations, role_quota)
    taken_of_role = Counter(conversations[row].role for row in carried)
    taken_of_source = Counter(conversations[row].source for row in carried)
    drawn: dict[int, Group] = {}
    # The second time, what a source could not give for its groups are too large is left to the others.
    for within_sources in (True, False):
        for group in found:
            fits = _fits(group.by_role, taken_of_role, role_quota) and _small(group, role_quota)
            if within_sources:
                fits = fits and _fits(group.by_source, taken_of_source, source_quota)
            if fits and group.id not in drawn and carried.isdisjoint(group.rows):
                drawn[group.id] = group
                taken_of_role.update(group.by_role)
                taken_of_source.update(group.by_source)
    rows = sorted(row for group in drawn.values() for row in group.rows)
    largest = max((len(group.rows) for group in found), default=0)
    return Drawn(rows, largest, tuple(_shortages(conversations, found, taken_of_role, asked)))


def _shortages(
    conversations: Sequence[Conversation],
    found: Sequence[Group],
    taken: Mapping[SourceRole, int],
    asked_of: Mapping[SourceRole, int],
) -> Iterator[str]:
    """A sentence for each role that misses what the recipe asks for by more than a tenth: why, and what to do."""
    for role, rows in Counter(row.role for row in conversations).items():
        asked = asked_of[role]
        if taken[role] >= 0.9 * asked:
            continue
        sizes = sorted(len(group.rows) for group in found if role in group.by_role)
        largest, most = sizes[-1], int(rows * MAX_SHARE)
        told = f"{taken[role]:,} of {asked:,} {role} rows are held out"
        if taken[role] >= 0.9 * most:
            yield (
                f"{told}: there are {rows:,}, and at most a fifth of them may be. Add {role} rows, "
                f"or set curate.hold_out.rows to {taken[role]:,}"
            )
        else:
            enough = _larger_quota_that_can_be_met(sizes, asked, most)
            advice = f"Set curate.hold_out.rows to {enough:,}" if enough else "Raise curate.near_duplicates.threshold"
            yield (
                f"{told}: the others are near copies of each other in groups of up to {largest:,} rows, and one that "
                f"is larger than a tenth of the quota stays in training. {advice}, or name a file of rows in "
                "curate.hold_out.frozen"
            )


def _larger_quota_that_can_be_met(sizes: Sequence[int], asked: int, most: int) -> int | None:
    """The smallest that groups of a tenth of it or less can fill; None where none up to `most` can be."""
    rows_so_far = 0
    for size, after in zip(sizes, [*sizes[1:], None], strict=True):
        rows_so_far += size
        quota = round(size / LARGEST_GROUP_SHARE)
        if size != after and asked < quota <= min(most, rows_so_far):
            return quota
    return None


def _groups(conversations: Sequence[Conversation], groups: Sequence[int]) -> list[Group]:
    members: dict[int, list[int]] = defaultdict(list)
    for row, group in enumerate(groups):
        members[group].append(row)
    found = [
        Group(
            tuple(rows),
            Counter(conversations[row].source for row in rows),
            Counter(conversations[row].role for row in rows),
            min(user_hash(conversations[row]) for row in rows),
        )
        for rows in members.values()
    ]
    return sorted(found, key=lambda group: (group.rank, group.rows))


def _fits(wanted: Mapping[Name, int], taken: Mapping[Name, int], quota: Mapping[Name, int]) -> bool:
    return all(taken[name] + count <= quota[name] for name, count in wanted.items())


def _small(group: Group, role_quota: Mapping[SourceRole, int]) -> bool:
    quota = min(role_quota[role] for role in group.by_role)
    return len(group.rows) <= max(1, int(quota * LARGEST_GROUP_SHARE))


def _by_source(conversations: Sequence[Conversation], role_quota: Mapping[SourceRole, int]) -> dict[str, int]:
    """Each role's quota shared out to its sources in proportion, by largest remainders."""
    shares: dict[str, int] = {}
    for role, quota in role_quota.items():
        counts = Counter(row.source for row in conversations if row.role == role)
        exact = {source: quota * count / counts.total() for source, count in counts.items()}
        floors = {source: int(share) for source, share in exact.items()}
        by_remainder = sorted(exact, key=lambda source: (floors[source] - exact[source], source))
        for source in by_remainder[: quota - sum(floors.values())]:
            floors[source] += 1
        shares.update(floors)
    return shares


def user_hash(conversation: Conversation) -> str:
    """SHA-256 of what the user said; of the text itself for plain text."""
    turns = [message["content"] for message in conversation.messages if message["role"] in ("user", "document")]
    return hashlib.sha256("\x1e".join(turns).encode("utf-8", "surrogatepass")).hexdigest()
