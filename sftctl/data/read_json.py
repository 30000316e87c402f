"""A JSON file that is one list of rows, read element by element so that memory does not grow with the file."""

import codecs
import json
import re
from collections.abc import Iterator
from typing import IO

from sftctl.data.bad_row import BadRow
from sftctl.data.json_rows import SPACE, Element, end_of_value, parse_row
from sftctl.data.lines import MAX_LINE_BYTES, RAW_CHARACTERS, TornArchive
from sftctl.data.rows import AnyRow, RawRow, UnreadableRow

_SPACES = re.compile(f"[{SPACE}]*")


def read_json(stream: IO[bytes], piece_bytes: int = 1 << 20) -> Iterator[AnyRow]:
    """The elements of the list, each with the line it starts in. Behind a malformed element nothing can be read."""
    window = _Window(stream, piece_bytes)
    try:
        yield from _elements(window)
    except BadRow as problem:
        raw = window.text[window.at : window.at + RAW_CHARACTERS]
        yield UnreadableRow(window.line, problem.reason, problem.message, raw, problem.field, rest_lost=True)
    except UnicodeDecodeError:
        message = "bytes in this line, or behind it, are not UTF-8; convert the file with iconv"
        yield UnreadableRow(window.line, "wrong_encoding", message, "", rest_lost=True)
    except TornArchive as torn:
        yield UnreadableRow(window.line, torn.reason, torn.message, "", rest_lost=True)


def _elements(window: "_Window") -> Iterator[AnyRow]:
    if not window.next_character():
        return
    window.take("[", "the file is no list of rows, [{...}, ...]; for one row a line, set file_type: jsonl")
    if window.next_character() != "]":
        yield _element(window)
    while window.next_character() == ",":
        window.take(",", "")
        yield _element(window)
    window.take("]", "expected a comma, or ] as the end of the list")
    if window.next_character():
        raise BadRow("malformed_json", None, "there is more text behind the end of the list")


def _element(window: "_Window") -> AnyRow:
    """The next row. A well-formed element that is no row is passed over; any other ends the reading."""
    window.next_character()
    while True:
        element = _try_element(window)
        end = element.end if isinstance(element, Element) else end_of_value(window.text, window.at)
        # What ends where the window ends may go on behind it, as a number does.
        if end is not None and (end < len(window.text) or window.ended):
            break
        if window.ended and isinstance(element, BadRow):
            raise element
        if len(window.text) - window.at > MAX_LINE_BYTES:
            raise BadRow("line_too_long", None, f"no row ends within {MAX_LINE_BYTES:,} characters")
        window.grow()
    line, raw = window.line, window.text[window.at : min(end, window.at + RAW_CHARACTERS)]
    window.move_to(end)
    if isinstance(element, BadRow):
        return UnreadableRow(line, element.reason, element.message, raw, element.field)
    return RawRow(element.value, line)


def _try_element(window: "_Window") -> Element | BadRow:
    try:
        return parse_row(window.text, window.at)
    except BadRow as problem:
        return problem
    except json.JSONDecodeError as problem:
        line = window.line + window.text.count("\n", window.at, problem.pos)
        return BadRow("malformed_json", None, f"no valid JSON: {problem.msg.removesuffix(' at')} in line {line}")


class _Window:
    """A text that is decoded piece by piece, the position up to which it is read, and the line of that."""

    def __init__(self, stream: IO[bytes], piece_bytes: int) -> None:
        self.text = ""
        self.at = 0
        self.line = 1
        self.ended = False
        self._stream = stream
        self._piece_bytes = piece_bytes
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()

    def grow(self) -> None:
        """At least doubles what is unread, so that a long row is tried a few times only."""
        unread = self.text[self.at :]
        piece = self._stream.read(max(self._piece_bytes, len(unread)))
        self.ended = not piece
        self.text = unread + self._decoder.decode(piece, final=self.ended)
        self.at = 0

    def move_to(self, position: int) -> None:
        self.line += self.text.count("\n", self.at, position)
        self.at = position

    def next_character(self) -> str:
        """The first character behind white space; empty at the end."""
        while True:
            spaces = _SPACES.match(self.text, self.at)
            self.move_to(spaces.end() if spaces else self.at)
            if self.at < len(self.text) or self.ended:
                return self.text[self.at : self.at + 1]
            self.grow()

    def take(self, expected: str, otherwise: str) -> None:
        if self.next_character() != expected:
            raise BadRow("malformed_json", None, otherwise)
        self.move_to(self.at + 1)
