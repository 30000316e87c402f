"""Which formats do the rows have? Answered from their columns."""

from collections.abc import Mapping, Sequence
from typing import Any

from sftctl.data.bad_row import BadRow
from sftctl.data.formats import FORMATS, Format, PlainText

Rows = Sequence[Mapping[str, Any]]

SAMPLE_ROWS = 100
"""How many of a source's first rows decide."""


def readings(rows: Rows) -> list[Format]:
    """The formats that most rows have and that give different conversations: one to take, none, or too many.

    A format that reads more columns wins over one that reads some of them; plain text is taken only where nothing
    else fits, since many data sets carry a rendered `text` besides; formats that read the same conversations are one.
    """
    fitting = [one for one in candidates() if 2 * rows_that_fit(one, rows) > len(rows)]
    used = {id(one): _columns_present(one, rows) for one in fitting}
    widest = [one for one in fitting if not any(used[id(one)] < used[id(other)] for other in fitting)]
    structured = [one for one in widest if not isinstance(one, PlainText)] or widest
    different: list[Format] = []
    for one in structured:
        if not any(_same_conversations(one, other, rows) for other in different):
            different.append(one)
    return different


def candidates() -> list[Format]:
    """Every format with every set of columns that it usually has."""
    return [variant(columns, format_type) for format_type in FORMATS for columns in format_type.variants]


def rows_that_fit(one: Format, rows: Rows) -> int:
    return sum(one.matches(row) for row in rows)


def columns_read(one: Format, rows: Rows) -> str:
    """The columns that the format reads and the rows have, as a list for a sentence."""
    present = _columns_present(one, rows)
    return ", ".join(name for name in one.column_of.values() if name in present)


def variant(columns: Mapping[str, str], format_type: type[Format]) -> Format:
    """A format that reads `columns` instead of its usual ones."""
    return format_type.model_validate(dict(columns))


def _columns_present(one: Format, rows: Rows) -> frozenset[str]:
    return frozenset(name for name in one.columns if any(name in row for row in rows))


def _same_conversations(one: Format, other: Format, rows: Rows) -> bool:
    return all(_messages(one, row) == _messages(other, row) for row in rows)


def _messages(one: Format, row: Mapping[str, Any]) -> object:
    try:
        return one.to_messages(row)
    except BadRow as problem:
        return problem.reason
