"""What ingest hands on: conversations, and a verdict on every row that is none."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sftctl.data.conversation import Conversation


class Place(NamedTuple):
    """Where a row was read: the path as the recipe has it, and the line from 1 (the row, in a file without lines)."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that was read and is no conversation. `raw` is the row, or the start of a line that is none."""

    id: str
    source: str
    place: Place
    field: str | None
    reason: str
    message: str
    raw: dict[str, Any] | str

    def __str__(self) -> str:
        where = f"{self.place}: {self.field}" if self.field else str(self.place)
        return f"{where}: {self.message} [{self.reason}]"


@dataclass(frozen=True, slots=True)
class Blank:
    """A line of white space only; its id is file:line."""

    id: str
    source: str
    place: Place


@dataclass(frozen=True, slots=True)
class Detected:
    """The format of a source, and the columns that it reads."""

    source: str
    format: str
    columns: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.format} ({'column' if len(self.columns) == 1 else 'columns'} {', '.join(self.columns)})"


@dataclass(slots=True)
class Ingested:
    """Every row read is in exactly one of the three lists: conversations, rejected, blank."""

    conversations: list[Conversation] = field(default_factory=list)
    places: dict[str, Place] = field(default_factory=dict)
    rejected: list[Rejected] = field(default_factory=list)
    blank: list[Blank] = field(default_factory=list)
    detected: list[Detected] = field(default_factory=list)
    rows_read: int = 0
