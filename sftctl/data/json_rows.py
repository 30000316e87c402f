"""JSON text becomes a row, more strictly than `json.loads`: no key twice, no half characters, no infinity."""

import json
from typing import Any, NamedTuple

from sftctl.data.bad_row import BadRow, kind_of, shown

SPACE = " \t\r\n"


class Element(NamedTuple):
    """A JSON value that is an object, and where its text ends."""

    value: dict[str, Any]
    end: int


def parse_row(text: str, start: int = 0) -> Element:
    """The object that begins at `start`; BadRow or JSONDecodeError when there is none.

    NaN, which data frames write for an empty cell, is read as null.
    """
    try:
        value, end = _STRICT.raw_decode(text, start)
    except json.JSONDecodeError:
        raise
    except RecursionError as problem:
        raise BadRow("nested_too_deeply", None, "lists or objects are nested too deeply to be read") from problem
    except ValueError as problem:
        # Python refuses integers of more than 4,300 digits.
        raise BadRow("malformed_json", None, "a number has too many digits to be read") from problem
    if type(value) is not dict:
        raise BadRow("not_an_object", None, f"{kind_of(value)} where a row, an object with columns, is expected")
    if text.find("\\u", start, end) >= 0:
        _refuse_half_characters(value)
    return Element(value, end)


def end_of_value(text: str, start: int) -> int | None:
    """Where a well-formed value ends, whatever is wrong with what it says; None when it is not well-formed."""
    try:
        return json.JSONDecoder().raw_decode(text, start)[1]
    except (ValueError, RecursionError):
        return None


def _refuse_half_characters(row: dict[str, Any]) -> None:
    """`\\ud83d` without its other half is no text: it could not be written again."""
    try:
        json.dumps(row, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as problem:
        half = f"\\u{ord(problem.object[problem.start]):04x}"
        raise BadRow("wrong_encoding", _field_with(half, row), f"{half} is half a character") from problem


def _field_with(half: str, row: dict[str, Any]) -> str | None:
    return next((key for key, value in row.items() if half in json.dumps(value) or half in json.dumps(key)), None)


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in row if keys.count(key) > 1)
        raise BadRow("duplicate_key", twice, f"the key {shown(twice)} occurs twice in one object")
    return row


def _constant(name: str) -> None:
    if name != "NaN":
        raise BadRow("malformed_json", None, f"{name} is not JSON")


_STRICT = json.JSONDecoder(object_pairs_hook=_unique_keys, parse_constant=_constant)
