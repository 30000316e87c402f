"""The format that a source's rows are read in: the one that the recipe names, held against its first rows, or found."""

from collections.abc import Mapping, Sequence
from typing import Any

from sftctl.data.bad_row import listed, shown
from sftctl.data.detect import detect_format
from sftctl.data.formats import Format, make_format
from sftctl.data.source import Source
from sftctl.errors import DataUnusable, MisreadSource
from sftctl.recipe_errors import nearest

Rows = Sequence[Mapping[str, Any]]


def shape_of(source: Source, sample: Rows) -> Format | None:
    """None when there is no row to find it from.

    Raises MisreadSource where a column that `fields` names, and every row needs, is in none of the first rows, or where
    the format that is named fits none of them; DataUnusable where none, or more than one, is found.
    """
    if source.format == "auto" and not source.fields:
        return detect_format(sample, f"source {source.name} ({source.path})") if sample else None
    shape = make_format("pair" if source.format == "auto" else source.format, source.fields)
    if not sample:
        return shape
    needed = [key for key in source.fields if key not in shape.optional]
    if absent := [key for key in needed if not any(source.fields[key] in row for row in sample)]:
        raise misread_columns(source, absent, sample)
    if not any(shape.matches(row) for row in sample):
        raise _misread_format(source, shape, sample)
    return shape


def unseen_columns(source: Source, shape: Format | None, sample: Rows) -> dict[str, str]:
    """Keys of `fields` whose column a row may lack, and all of the first rows do; the rows behind them may have it."""
    optional = () if shape is None else shape.optional
    return {key: name for key, name in source.fields.items() if key in optional and not any(name in r for r in sample)}


def misread_columns(source: Source, keys: Sequence[str], rows: Rows) -> MisreadSource:
    """One problem for each key of `fields` that names a column which no row has."""
    columns = _columns(rows)
    problems: dict[tuple[str, ...], str] = {}
    for key in keys:
        close = nearest(source.fields[key], list(columns))
        meant = f"; did you mean {shown(close)}?" if close else "."
        problems["fields", key] = (
            f"{_place(source)} has no column {shown(source.fields[key])}{meant} It has {listed(columns, most=20)}"
        )
    return MisreadSource(source.name, problems)


def _misread_format(source: Source, shape: Format, sample: Rows) -> MisreadSource:
    found = _found(source, sample)
    needed = ", ".join(name for key, name in shape.column_of.items() if key not in shape.optional)
    message = (
        f"{_place(source)} is not in the format {shape.type} ({needed}): none of its first {len(sample)} rows is. "
        f"Its columns are {listed(_columns(sample), most=20)}"
        + (f", read as {found} by `format: auto`" if found else "")
    )
    return MisreadSource(source.name, {("format",): message})


def _found(source: Source, sample: Rows) -> str:
    try:
        found = detect_format(sample, source.name)
    except DataUnusable:
        return ""
    return f"{found.type} ({', '.join(name for name in found.column_of.values() if name in _columns(sample))})"


def _place(source: Source) -> str:
    return "standard input" if source.path == "-" else source.path


def _columns(rows: Rows) -> dict[str, None]:
    return dict.fromkeys(name for row in rows for name in row)
