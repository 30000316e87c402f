"""JSON Lines and plain lines of text: one row a line."""

import json
from collections.abc import Iterator
from typing import Any, BinaryIO

from sftctl.data.bad_row import BadRow, kind_of, shown
from sftctl.data.lines import Line, read_lines, readable
from sftctl.data.rows import AnyRow, BlankRow, RawRow, UnreadableRow


def read_jsonl(stream: BinaryIO) -> Iterator[AnyRow]:
    """One object a line."""
    for line in read_lines(stream):
        if isinstance(line, UnreadableRow):
            yield line
        else:
            yield parse_line(line)


def read_text_lines(stream: BinaryIO) -> Iterator[AnyRow]:
    """One text a line, as the column `text`."""
    for line in read_lines(stream):
        if isinstance(line, UnreadableRow):
            yield line
        elif line.content.isspace() or not line.content:
            yield BlankRow(line.number)
        else:
            text = _decoded(line)
            yield text if isinstance(text, UnreadableRow) else RawRow({"text": text.rstrip("\r\n")}, line.number)


def parse_line(line: Line) -> AnyRow:
    """The object that a line holds, or why it holds none."""
    text = _decoded(line)
    if isinstance(text, UnreadableRow):
        return text
    if not text or text.isspace():
        return BlankRow(line.number)
    try:
        value = decode_json(text)
        if "\\u" in text:
            refuse_lone_surrogates(value)
    except json.JSONDecodeError as problem:
        message = f"no valid JSON: {problem.msg} at column {problem.colno}"
        return UnreadableRow(line.number, "malformed_json", message, readable(line.content))
    except BadRow as problem:
        return UnreadableRow(line.number, problem.reason, problem.message, readable(line.content), problem.field)
    if type(value) is not dict:
        message = f"{kind_of(value)} where a row, an object with columns, is expected"
        return UnreadableRow(line.number, "not_an_object", message, readable(line.content))
    return RawRow(value, line.number)


def decode_json(text: str) -> Any:
    """`json.loads` that refuses duplicate keys; BadRow or JSONDecodeError says what is wrong. NaN is read as null."""
    try:
        return _DECODER.decode(text)
    except RecursionError as problem:
        raise BadRow("nested_too_deeply", None, "lists or objects are nested too deeply to read") from problem
    except json.JSONDecodeError:
        raise
    except ValueError as problem:
        # Python refuses integers of more than 4,300 digits.
        raise BadRow("number_too_long", None, "a number has too many digits to read") from problem


def refuse_lone_surrogates(value: Any) -> None:
    """Half a character pair, as \\ud83d, is no text: it could not be written again."""
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as problem:
        half = f"\\u{ord(problem.object[problem.start]):04x}"
        raise BadRow("wrong_encoding", None, f"{half} is half a character; its other half is missing") from problem


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise BadRow("duplicate_key", twice, f"the key {shown(twice)} occurs twice in one object")
    return row


def _constant(name: str) -> None:
    """NaN is what a data frame writes for an empty cell; an infinity is not in any JSON."""
    if name != "NaN":
        raise BadRow("malformed_json", None, f"{name} is not JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique_keys, parse_constant=_constant)


def _decoded(line: Line) -> str | UnreadableRow:
    try:
        return line.content.decode("utf-8")
    except UnicodeDecodeError as problem:
        byte = line.content[problem.start]
        message = f"byte 0x{byte:02x} at position {problem.start + 1} is not UTF-8; convert the file with iconv"
        return UnreadableRow(line.number, "wrong_encoding", message, readable(line.content))
