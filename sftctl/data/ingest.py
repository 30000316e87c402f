"""Raw rows of all sources become conversations; a row that cannot gets a verdict, and the good rows go on."""

import contextlib
import gc
import itertools
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from sftctl import console
from sftctl.data.bad_row import BadRow
from sftctl.data.chat_markers import CONTROL_TOKENS
from sftctl.data.control_tokens import ControlTokens
from sftctl.data.conversation import Conversation, Message, conversation_id, raw_row_id
from sftctl.data.detect import SAMPLE_ROWS
from sftctl.data.formats import Format
from sftctl.data.ingested import Blank, Detected, Ingested, Place, Rejected
from sftctl.data.read import read_rows
from sftctl.data.rows import AnyRow, BlankRow, RawRow, UnreadableRow
from sftctl.data.shape import misread_columns, place_of, shape_of, unseen_columns
from sftctl.data.source import Source
from sftctl.data.turns import out_of_order
from sftctl.errors import DataUnusable, MisreadSource
from sftctl.units import percent, share_at_least

OnControlTokens = Literal["reject", "keep"]

FIRST_VERDICTS = 10
"""How many verdicts an error shows."""

_MAX_BAD_FRACTION = 0.01
_TOLD = frozenset(("user", "system", "tool"))


def ingest(
    sources: Sequence[Source],
    *,
    on_control_tokens: OnControlTokens = "reject",
    control_tokens: Sequence[str] = (),
    max_bad_fraction: float | None = None,
    begun: Mapping[str, Iterator[AnyRow]] | None = None,
) -> Ingested:
    """Reads every row of every source. `control_tokens` are those of the recipe's tokenizer, beside the well-known.

    `max_bad_fraction` is the recipe's key of that name; a file that it does not govern may have 1 % of bad rows.
    `begun` holds all rows of sources that can be read once, and that a first look has begun to read, by name.
    Raises DataUnusable when more than that of a source's rows are rejected, when a file ends before
    its rows do, or when a source has no conversation at all; MisreadSource when the recipe names a column or a format
    that its rows do not have, or does not say how to read them.
    """
    reader = Reader(refused_tokens(on_control_tokens, control_tokens))
    with _collector_paused():
        for source in sources:
            good_before, bad_before = len(reader.read.conversations), len(reader.read.rejected)
            rest_lost = reader.add(source, (begun or {}).get(source.name) or rows_of(source))
            good, bad = len(reader.read.conversations) - good_before, reader.read.rejected[bad_before:]
            refuse_unusable(source, good, bad, max_bad_fraction, rest_lost=rest_lost)
    return reader.read


def ingest_file(path: str, name: str, *, on_control_tokens: OnControlTokens = "reject") -> list[Conversation]:
    """The rows of a file that the recipe names by its path alone. Raises DataUnusable also where no format fits it."""
    try:
        return ingest([Source(name=name, path=path)], on_control_tokens=on_control_tokens).conversations
    except MisreadSource as misread:
        raise without_a_recipe(misread) from misread


def without_a_recipe(misread: MisreadSource) -> DataUnusable:
    """The same of a file beside whose path nothing can be written."""
    way = "Rename its columns, or let `sftctl curate` read it as a source with a format or fields"
    return DataUnusable(f"{misread.fact}. {way}" if misread.fact else str(misread))


def rows_of(source: Source) -> Iterator[AnyRow]:
    """Every row of the source, from its beginning."""
    return read_rows(
        source.path,
        file_type=source.file_type,
        split=source.split,
        subset=source.subset,
        revision=source.revision,
    )


def refused_tokens(on_control_tokens: OnControlTokens, of_the_tokenizer: Sequence[str] = ()) -> Sequence[str]:
    return (*CONTROL_TOKENS, *of_the_tokenizer) if on_control_tokens == "reject" else ()


@contextlib.contextmanager
def _collector_paused() -> Iterator[None]:
    """Rows hold no cycles, and looking for some among them again and again took a fifth of the reading."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class Reader:
    """Grows one Ingested, source by source."""

    def __init__(self, refused_tokens: Sequence[str]) -> None:
        self.read = Ingested()
        self._tokens = ControlTokens(refused_tokens)
        self._equal_rows: dict[str, int] = {}

    def add(self, source: Source, rows: Iterator[AnyRow]) -> bool:
        """Reads a source to its end; True when the end could not be reached."""
        head = head_of(rows)
        sample = [row.value for row in head if isinstance(row, RawRow)]
        shape = shape_of(source, sample)
        if shape:
            self.read.detected.append(detected(source, shape, sample))
            console.say(f"{source.name}: read as {self.read.detected[-1]}")
        unseen = unseen_columns(source, shape, sample)
        row: AnyRow | None = None
        for row in itertools.chain(head, rows):
            self.take(row, shape, source)
            if unseen and isinstance(row, RawRow):
                unseen = {key: name for key, name in unseen.items() if name not in row.value}
        rest_lost = isinstance(row, UnreadableRow) and row.rest_lost
        if unseen and not rest_lost:
            raise misread_columns(source, list(unseen), sample)
        return rest_lost

    def take(self, row: AnyRow, shape: Format | None, source: Source) -> None:
        """One more row: a conversation, rejected, or blank."""
        self.read.rows_read += 1
        place = Place(source.path, row.line)
        if isinstance(row, BlankRow):
            self.read.blank.append(Blank(self._unique(str(place)), source.name, place))
        elif isinstance(row, UnreadableRow):
            self._reject_line(row, source, place)
        elif shape:
            self._add_row(row.value, shape, source, place)

    def _add_row(self, row: dict[str, Any], shape: Format, source: Source, place: Place) -> None:
        try:
            messages = _messages(row, shape, self._tokens)
            tags, tools, extra = _companions(row, shape)
        except BadRow as problem:
            row_id = self._unique(raw_row_id(source.name, row))
            why = (problem.field, problem.reason, problem.message)
            self.read.rejected.append(Rejected(row_id, source.name, place, *why, row))
            return
        row_id = self._unique(conversation_id(source.name, messages))
        conversation = Conversation(row_id, tuple(messages), source.name, source.role, tags, tools, extra)
        self.read.conversations.append(conversation)
        self.read.places[row_id] = place

    def _reject_line(self, row: UnreadableRow, source: Source, place: Place) -> None:
        row_id = self._unique(str(place))
        why = (row.field, row.reason, row.message)
        self.read.rejected.append(Rejected(row_id, source.name, place, *why, row.raw))

    def _unique(self, row_id: str) -> str:
        """`id`, `id#2`, `id#3` for equal rows, in the order of reading."""
        count = self._equal_rows.get(row_id, 0) + 1
        self._equal_rows[row_id] = count
        return row_id if count == 1 else f"{row_id}#{count}"


def head_of(rows: Iterator[AnyRow], *, most: int = sys.maxsize) -> list[AnyRow]:
    """The first rows, up to as many readable ones as decide about the format, and at most so many of any kind."""
    head: list[AnyRow] = []
    readable = 0
    for row in itertools.islice(rows, most):
        head.append(row)
        readable += isinstance(row, RawRow)
        if readable == SAMPLE_ROWS:
            break
    return head


def detected(source: Source, shape: Format, sample: Sequence[Mapping[str, Any]]) -> Detected:
    """The format, and those of its columns that the first rows have."""
    columns = tuple(name for name in shape.column_of.values() if any(name in row for row in sample))
    return Detected(source.name, shape.type, columns)


def _messages(row: Mapping[str, Any], shape: Format, tokens: ControlTokens) -> list[Message]:
    """The row's turns, in a right order and without control tokens in what the model is told."""
    messages = shape.to_messages(row)
    if misplaced := out_of_order(messages):
        raise BadRow(misplaced.reason, shape.field_at(row, misplaced.turn, "role"), misplaced.message)
    for index, message in enumerate(messages):
        if message["role"] in _TOLD and (token := tokens.first_in(message["content"])):
            what = f"the control token {token} in {message['role']} text; curate.on_control_tokens: keep allows it"
            raise BadRow("control_token", shape.field_at(row, index, "content"), what)
    return messages


def _companions(
    row: Mapping[str, Any], shape: Format
) -> tuple[tuple[str, ...], tuple[dict[str, Any], ...], dict[str, Any]]:
    """Tags, tools, and every other column that is not part of the conversation."""
    extra = {name: value for name, value in row.items() if name not in shape.columns}
    extra.update(shape.leftovers(row))
    tags = extra.get("tags")
    if type(tags) is list and all(type(tag) is str for tag in tags):
        del extra["tags"]
    else:
        tags = ()
    return tuple(tags), shape.tools_of(row), extra


def refuse_unusable(
    source: Source, good: int, bad: Sequence[Rejected], max_bad_fraction: float | None, *, rest_lost: bool
) -> None:
    """Raises DataUnusable when a source breaks off, gives nothing, or has more bad rows than the recipe bears."""
    if rest_lost:
        # Whatever the share of bad rows: nobody knows how many are missing.
        raise DataUnusable(f"{_named(source)}: its rows cannot be read to the end.\n  {bad[-1]}")
    read = good + len(bad)
    if not read:
        raise DataUnusable(f"{_named(source)}: it holds no rows: it is empty, or has blank lines only. Check its path")
    most = _MAX_BAD_FRACTION if max_bad_fraction is None else max_bad_fraction
    if good and len(bad) / read <= most:
        return
    allowed = f"at most {percent(most)} may be bad"
    if max_bad_fraction is not None:
        allowed = f"curate.max_bad_fraction allows {percent(most)}"
    ways = ["Correct these rows"]
    if not good and max_bad_fraction is not None:
        no_lines = all(isinstance(row.raw, str) for row in bad)
        ways.append("or set the source's " + ("file_type" if no_lines else "format"))
    elif max_bad_fraction is not None:
        share = share_at_least(len(bad), read)
        ways.append(f"or, to go on without them, set curate.max_bad_fraction to at least {share:g}")
    raise DataUnusable(
        f"{_named(source)}: {len(bad):,} of {read:,} rows cannot be used; "
        f"{allowed}.\n{_first_verdicts(bad)}\n{', '.join(ways)}"
    )


def _named(source: Source) -> str:
    return f"source {source.name} ({place_of(source)})"


def _first_verdicts(bad: Sequence[Rejected]) -> str:
    lines = [f"  {row}" for row in bad[:FIRST_VERDICTS]]
    if len(bad) > FIRST_VERDICTS:
        lines.append(f"  and {len(bad) - FIRST_VERDICTS:,} more")
    return "\n".join(lines)
