"""The first rows of every source, before any is read whole: what is wrong with one of them is told in a second."""

import itertools
import os
import select
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from sftctl.data.byte_streams import STANDARD_INPUT, open_packed
from sftctl.data.conversation import read_conversations
from sftctl.data.detect import SAMPLE_ROWS
from sftctl.data.ingest import (
    OnControlTokens,
    Reader,
    detected,
    head_of,
    refuse_unusable,
    refused_tokens,
    rows_of,
    without_a_recipe,
)
from sftctl.data.ingested import Detected
from sftctl.data.read import read_by_datasets
from sftctl.data.rows import AnyRow, RawRow, UnreadableRow
from sftctl.data.shape import misread_columns, place_of, shape_of, unseen_columns
from sftctl.data.source import Source
from sftctl.errors import DataUnusable, MisreadSource, UsageError

MOST_LINES = 1_000
"""Lines of any kind that are looked at; where fewer than a hundred of them are rows, more of the file decides."""

MOST_ROWS = 2_000
"""Rows that are looked at where a file must be faultless: a benchmark, answers, rows that sftctl wrote."""

_PIPE_SECONDS = 0.5
"""How long a pipe is waited for. One that says nothing is looked at when it is its turn to be read."""

_OPEN_PIPES = ("/dev/fd/", "/dev/stdin", "/proc/self/fd/")


@dataclass(frozen=True)
class Look:
    """What a source's first rows are, blank lines aside.

    `doubts`: columns that a row may lack and all of these do. `not_yet`: why they are looked at when it is read.
    """

    source: str
    found: Detected | None = None
    rows: int = 0
    usable: int = 0
    first_bad: str | None = None
    doubts: tuple[str, ...] = ()
    not_yet: str | None = None


@dataclass(frozen=True)
class FirstLook:
    """A look at each source, what is wrong with any, and all rows of those that cannot be read twice, by name."""

    looks: list[Look] = field(default_factory=list)
    misread: list[MisreadSource] = field(default_factory=list)
    unusable: list[DataUnusable] = field(default_factory=list)
    begun: dict[str, Iterator[AnyRow]] = field(default_factory=dict)


def look_at(
    sources: Sequence[Source], *, on_control_tokens: OnControlTokens, max_bad_fraction: float | None
) -> FirstLook:
    """A look at a hundred rows of each source, in at most a thousand lines. Pipes come last, for they may be slow."""
    found = FirstLook()
    refused = refused_tokens(on_control_tokens)
    read_once: dict[tuple[int, int], str] = {}
    for source in sorted(sources, key=_is_open_pipe):
        try:
            not_yet = _claimed(source, read_once) if _is_open_pipe(source) else _not_yet(source)
            look = Look(source.name, not_yet=not_yet) if not_yet else _look(source, refused, max_bad_fraction, found)
            found.looks.append(look)
        except MisreadSource as misread:
            found.misread.append(misread)
        except UsageError as unread:
            found.misread.append(MisreadSource(source.name, {("path",): str(unread)}))
        except DataUnusable as unusable:
            found.unusable.append(unusable)
    found.looks.sort(key=lambda look: [source.name for source in sources].index(look.source))
    return found


def _look(source: Source, refused: Sequence[str], max_bad_fraction: float | None, found: FirstLook) -> Look:
    """Raises MisreadSource, UsageError and DataUnusable as reading the source would, of what is certain by now."""
    rows = rows_of(source)
    head = head_of(rows, most=MOST_LINES)
    if _is_open_pipe(source):
        found.begun[source.name] = itertools.chain(head, rows)
    sample = [row.value for row in head if isinstance(row, RawRow)]
    if len(sample) < SAMPLE_ROWS and len(head) == MOST_LINES:
        return Look(source.name, not_yet=f"its first {MOST_LINES:,} lines hold {len(sample)} rows")
    shape, reader = shape_of(source, sample), Reader(refused)
    for row in head:
        reader.take(row, shape, source)
    good, bad = len(reader.read.conversations), reader.read.rejected
    unseen = unseen_columns(source, shape, sample)
    missing = misread_columns(source, list(unseen), sample) if unseen else None
    if len(sample) < SAMPLE_ROWS:
        rest_lost = any(isinstance(row, UnreadableRow) and row.rest_lost for row in head)
        if missing is not None and not rest_lost:
            raise missing
        refuse_unusable(source, good, bad, max_bad_fraction, rest_lost=rest_lost)
    found_format = detected(source, shape, sample) if shape else None
    doubts = tuple(missing.problems.values()) if missing is not None else ()
    return Look(source.name, found_format, good + len(bad), good, str(bad[0]) if bad else None, doubts)


def _claimed(source: Source, read_once: dict[tuple[int, int], str]) -> str | None:
    """Why an open pipe cannot be looked at yet. Raises MisreadSource where another source reads it, and UsageError."""
    with open_packed(source.path) as file:
        status = os.fstat(file.fileno())
        reader = read_once.setdefault((status.st_dev, status.st_ino), source.name)
        if reader != source.name:
            message = f"{place_of(source)}: source {reader} reads it already, and it can be read once. Give it a file"
            raise MisreadSource(source.name, {("path",): message})
        ready, _, _ = select.select([file], [], [], _PIPE_SECONDS)
    return None if ready else "nothing has come through it yet"


def _not_yet(source: Source) -> str | None:
    """Why a look at the source would cost as much as reading it, or wait for another program."""
    if source.file_type == "auto" and read_by_datasets(source.path):
        return "a folder, or a data set of a hub"
    if source.path.lower().endswith(".parquet.gz"):
        return "Parquet in gzip, which is unpacked whole"
    if Path(source.path).is_fifo():
        return "a named pipe"
    return None


def _is_open_pipe(source: Source) -> bool:
    """Whether it is open already, and can be read once: standard input, and what a shell makes of <(COMMAND)."""
    if source.path == STANDARD_INPUT:
        return True
    return source.path.startswith(_OPEN_PIPES) and not Path(source.path).is_file()


class FileCheck(NamedTuple):
    """A file that a section of the recipe names under a key, and what reads its first rows."""

    key: tuple[str | int, ...]
    path: str
    read: Callable[[str], object]

    def fault(self) -> str | None:
        """What is wrong with it; None for what is no local file, such as a data set of a hub or a pipe."""
        if Path(self.path).is_file():
            try:
                self.read(self.path)
            except (DataUnusable, UsageError) as fault:
                return str(fault)
        return None


def look_at_file(path: str) -> None:
    """Of a file of rows that the recipe names by its path alone. Raises DataUnusable or UsageError as reading it would.

    It is the train.jsonl or held_out.jsonl of a run, or in any format that `auto` finds. An empty one is no fault here.
    """
    source = Source(name="rows", path=path)
    first = next((row for row in itertools.islice(rows_of(source), MOST_LINES) if isinstance(row, RawRow)), None)
    if first is not None and {"id", "messages", "source", "role"} <= first.value.keys():
        look_at_own_rows(path)
    elif Path(path).stat().st_size:
        found = look_at([source], on_control_tokens="keep", max_bad_fraction=None)
        for misread in found.misread:
            raise without_a_recipe(misread)
        for unusable in found.unusable:
            raise unusable


def look_at_own_rows(path: str) -> None:
    """Of a file that sftctl wrote. Raises DataUnusable."""
    for _ in itertools.islice(read_conversations(Path(path)), MOST_ROWS):
        pass
