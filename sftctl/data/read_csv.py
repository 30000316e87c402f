"""CSV with a header line: every cell is text, a row may run over several lines."""

import csv
from collections.abc import Iterator, Sequence
from typing import IO

from sftctl.data.bad_row import BadRow, shown
from sftctl.data.lines import MAX_LINE_BYTES, RAW_CHARACTERS, Line, read_lines
from sftctl.data.rows import AnyRow, BlankRow, RawRow, UnreadableRow

_NEVER_CLOSED = ("unexpected end of data", "field larger than field limit")


def read_csv(stream: IO[bytes]) -> Iterator[AnyRow]:
    """Each row with the line it starts in; the header's cells name the columns."""
    # The module's limit of 131,072 characters is shared by the whole process, and too small for documents.
    csv.field_size_limit(MAX_LINE_BYTES)
    lines = _DecodedLines(read_lines(stream))
    records = _records(lines)
    header = next(records, None)
    if header is None:
        return
    if isinstance(header, UnreadableRow):
        yield header._replace(rest_lost=True)
        return
    columns, _ = header
    if problem := _faulty_header(columns):
        yield UnreadableRow(1, problem.reason, problem.message, _raw(columns), problem.field, True)
        return
    for record in records:
        yield record if isinstance(record, UnreadableRow) else _row(columns, *record)


class _DecodedLines:
    """Lines for the CSV reader; bytes that are no UTF-8 stay recognisable, so that a row can name its bad cell."""

    def __init__(self, lines: Iterator[Line | UnreadableRow]) -> None:
        self.number = 0
        self._lines = lines

    def __iter__(self) -> "_DecodedLines":
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        if isinstance(line, UnreadableRow):
            raise _Unreadable(line)
        self.number = line.number
        return line.content.decode("utf-8", "surrogateescape")


class _Unreadable(Exception):
    """Carries a line's verdict through the CSV reader."""

    def __init__(self, row: UnreadableRow) -> None:
        super().__init__(row)
        self.row = row


def _records(lines: _DecodedLines) -> Iterator[tuple[list[str], int] | UnreadableRow]:
    """The cells of each record and the line it starts in."""
    reader = csv.reader(lines, strict=True)
    while True:
        start = lines.number + 1
        try:
            yield next(reader), start
        except StopIteration:
            return
        except _Unreadable as problem:
            yield problem.row
        except csv.Error as problem:
            if str(problem).startswith(_NEVER_CLOSED):
                message = "a quote that opens in this row is never closed; the rows behind it cannot be read"
                yield UnreadableRow(start, "unclosed_quote", message, "", rest_lost=True)
                return
            yield UnreadableRow(start, "malformed_csv", f"no valid CSV: {problem}", "")


def _faulty_header(columns: Sequence[str]) -> BadRow | None:
    if not all(map(_is_utf8, columns)):
        return BadRow("wrong_encoding", None, "the header has bytes that are not UTF-8; convert the file with iconv")
    twice = next((name for name in columns if columns.count(name) > 1), None)
    if twice is not None:
        return BadRow("duplicate_key", twice, f"the header names the column {shown(twice)} twice")
    if len(columns) == 1 and any(separator in columns[0] for separator in ";\t|"):
        return BadRow("malformed_csv", None, f"the header has no comma: {shown(columns[0])}; separate cells by commas")
    return None


def _row(columns: Sequence[str], cells: Sequence[str], line: int) -> AnyRow:
    if not any(cell and not cell.isspace() for cell in cells):
        return BlankRow(line)
    raw = _raw(cells)
    if len(cells) != len(columns):
        message = f"the header has {len(columns)} columns, this row has {len(cells)}"
        return UnreadableRow(line, "wrong_number_of_cells", message, raw)
    for column, cell in zip(columns, cells, strict=True):
        if not _is_utf8(cell):
            message = "bytes that are not UTF-8; convert the file with iconv"
            return UnreadableRow(line, "wrong_encoding", message, raw, column)
    return RawRow(dict(zip(columns, cells, strict=True)), line)


def _is_utf8(cell: str) -> bool:
    try:
        cell.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _raw(cells: Sequence[str]) -> str:
    """The start of a line, for a person."""
    return ",".join(cells)[:RAW_CHARACTERS].encode("utf-8", "replace").decode("utf-8")
