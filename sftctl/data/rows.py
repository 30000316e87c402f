"""What reading yields before anything is known about formats: a row, a blank line, or a line that cannot be read."""

from typing import Any, NamedTuple


class RawRow(NamedTuple):
    """An object with its columns; `line` counts from 1 (rows, where a file has no lines)."""

    value: dict[str, Any]
    line: int


class BlankRow(NamedTuple):
    """A line of white space only."""

    line: int


class UnreadableRow(NamedTuple):
    """A line that holds no row. `rest_lost`: nothing behind it can be read, so nobody knows how much is missing."""

    line: int
    reason: str
    message: str
    raw: str
    field: str | None = None
    rest_lost: bool = False


AnyRow = RawRow | BlankRow | UnreadableRow
