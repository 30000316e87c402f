"""JSON Lines and plain lines of text: one row a line."""

import json
from collections.abc import Iterator
from typing import IO

from sftctl.data.bad_row import BadRow
from sftctl.data.json_rows import SPACE, parse_row
from sftctl.data.lines import Line, not_utf8, read_lines, readable
from sftctl.data.rows import AnyRow, BlankRow, RawRow, UnreadableRow


def read_jsonl(stream: IO[bytes]) -> Iterator[AnyRow]:
    """One object a line."""
    for line in read_lines(stream):
        yield line if isinstance(line, UnreadableRow) else _json_row(line)


def read_text_lines(stream: IO[bytes]) -> Iterator[AnyRow]:
    """One text a line, as the column `text`."""
    for line in read_lines(stream):
        yield line if isinstance(line, UnreadableRow) else _text_row(line)


def _json_row(line: Line) -> AnyRow:
    try:
        text = line.content.decode("utf-8").strip(SPACE)
        if not text or text.isspace():
            return BlankRow(line.number)
        value, end = parse_row(text)
        if end != len(text):
            raise json.JSONDecodeError("Extra data", text, end)
    except json.JSONDecodeError as problem:
        message = f"no valid JSON: {problem.msg.removesuffix(' at')} at column {problem.colno}"
        return UnreadableRow(line.number, "malformed_json", message, readable(line.content))
    except UnicodeDecodeError as problem:
        return UnreadableRow(line.number, "wrong_encoding", not_utf8(problem), readable(line.content))
    except BadRow as problem:
        return UnreadableRow(line.number, problem.reason, problem.message, readable(line.content), problem.field)
    return RawRow(value, line.number)


def _text_row(line: Line) -> AnyRow:
    try:
        text = line.content.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError as problem:
        return UnreadableRow(line.number, "wrong_encoding", not_utf8(problem), readable(line.content))
    return RawRow({"text": text}, line.number) if text.strip() else BlankRow(line.number)
