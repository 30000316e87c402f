"""Which format do the rows have? Answered from their columns, or refused: a wrong guess trains on the wrong text."""

from collections.abc import Mapping, Sequence
from typing import Any

from sftctl.data.bad_row import BadRow, listed
from sftctl.data.formats import FORMATS, Format, PlainText
from sftctl.errors import DataUnusable

SAMPLE_ROWS = 100
"""How many of a source's first rows decide."""


def detect_format(rows: Sequence[Mapping[str, Any]], source: str) -> Format:
    """The one format that most rows have; raises DataUnusable when there is none, or more than one.

    A format that reads more columns wins over one that reads some of them; plain text is taken only where nothing
    else fits, since many data sets carry a rendered `text` besides; formats that read the same conversations are one.
    """
    candidates = [variant(columns, format_type) for format_type in FORMATS for columns in format_type.variants]
    fitting = [one for one in candidates if 2 * sum(one.matches(row) for row in rows) > len(rows)]
    used = {id(one): _columns_present(one, rows) for one in fitting}
    widest = [one for one in fitting if not any(used[id(one)] < used[id(other)] for other in fitting)]
    structured = [one for one in widest if not isinstance(one, PlainText)] or widest
    different: list[Format] = []
    for one in structured:
        if not any(_same_conversations(one, other, rows) for other in different):
            different.append(one)
    if len(different) == 1:
        return different[0]
    columns = listed(rows[0], most=20)
    if not different:
        raise DataUnusable(
            f"{source}: no known format fits its columns ({columns}). "
            "Beside the source's path in the recipe, say which are its prompt and response: "
            "fields: {prompt: COLUMN, response: COLUMN}"
        )
    readings = "; ".join(
        f"{one.type} ({', '.join(name for name in one.column_of.values() if name in used[id(one)])})"
        for one in different
    )
    raise DataUnusable(
        f"{source}: its columns ({columns}) can be read in {len(different)} ways: {readings}. Set format and fields"
    )


def variant(columns: Mapping[str, str], format_type: type[Format]) -> Format:
    """A format that reads `columns` instead of its usual ones."""
    return format_type.model_validate(dict(columns))


def _columns_present(one: Format, rows: Sequence[Mapping[str, Any]]) -> frozenset[str]:
    return frozenset(name for name in one.columns if any(name in row for row in rows))


def _same_conversations(one: Format, other: Format, rows: Sequence[Mapping[str, Any]]) -> bool:
    return all(_messages(one, row) == _messages(other, row) for row in rows)


def _messages(one: Format, row: Mapping[str, Any]) -> object:
    try:
        return one.to_messages(row)
    except BadRow as problem:
        return problem.reason
