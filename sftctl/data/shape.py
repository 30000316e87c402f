"""The format that a source's rows are read in: the one that the recipe names, held against its first rows, or found."""

from collections.abc import Mapping, Sequence
from typing import Any

from sftctl.data.bad_row import listed, shown
from sftctl.data.closest import closest_words, words_for
from sftctl.data.detect import candidates, columns_read, readings, rows_that_fit
from sftctl.data.formats import Format, make_format
from sftctl.data.source import Source
from sftctl.errors import DataUnusable, MisreadSource
from sftctl.recipe_errors import nearest

Rows = Sequence[Mapping[str, Any]]


def shape_of(source: Source, sample: Rows) -> Format | None:
    """None when there is no row to find it from.

    Raises MisreadSource where the recipe has to say more, or something else: a column that `fields` names and every row
    needs is in none of the first rows, the format that is named fits none, no known format does, or several do. Raises
    DataUnusable where nothing that a recipe says would help.
    """
    if source.format == "auto" and not source.fields:
        return _found_in(source, sample) if sample else None
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
            f"{place_of(source)} has no column {shown(source.fields[key])}{meant} It has {listed(columns, most=20)}"
        )
    return MisreadSource(source.name, problems)


def _found_in(source: Source, sample: Rows) -> Format:
    """The one format of the rows."""
    found = readings(sample)
    if len(found) == 1:
        return found[0]
    columns = f"({listed(_columns(sample), most=20)})"
    if found:
        fact = f"{place_of(source)}: its columns {columns} can be read in {len(found)} ways"
        ways = ", or ".join(f"{words_for(one)} (reads {columns_read(one, sample)})" for one in found)
        raise _to_be_said(source, fact, ways)
    most = max(candidates(), key=lambda one: rows_that_fit(one, sample))
    if fitting := rows_that_fit(most, sample):
        raise DataUnusable(
            f"source {source.name} ({source.path}): no format fits most of its rows: {fitting} of the first "
            f"{len(sample)} are {most.type} ({columns_read(most, sample)}). Correct the others, or, to have them "
            f"rejected, set the source's format to {most.type}"
        )
    fact, words = f"{place_of(source)}: no known format fits its columns {columns}", closest_words(sample)
    if words is None:
        raise DataUnusable(f"{fact}, and none of them holds text or turns. Check its path")
    raise _to_be_said(source, fact, words)


def _to_be_said(source: Source, fact: str, words: str) -> MisreadSource:
    return MisreadSource(source.name, {("path",): f"{fact}. Write beside its path: {words}"}, fact)


def _misread_format(source: Source, shape: Format, sample: Rows) -> MisreadSource:
    found = _found(sample)
    needed = ", ".join(name for key, name in shape.column_of.items() if key not in shape.optional)
    message = (
        f"{place_of(source)} is not in the format {shape.type} ({needed}): none of its first {len(sample)} rows is. "
        f"Its columns are {listed(_columns(sample), most=20)}"
        + (f", read as {found} by `format: auto`" if found else "")
    )
    return MisreadSource(source.name, {("format",): message})


def _found(sample: Rows) -> str:
    found = readings(sample)
    return f"{found[0].type} ({columns_read(found[0], sample)})" if len(found) == 1 else ""


def place_of(source: Source) -> str:
    """Its path, in words where that is a dash."""
    return "standard input" if source.path == "-" else source.path


def _columns(rows: Rows) -> dict[str, None]:
    return dict.fromkeys(name for row in rows for name in row)
