"""Lines of a byte stream in bounded memory: an over-long line is skipped, a torn archive is the last thing seen."""

from collections.abc import Iterator
from typing import IO, NamedTuple

from sftctl.data.rows import UnreadableRow

MAX_LINE_BYTES = 16 * 1024 * 1024
"""The longest row that is read; a longer one is skipped in pieces, and gets a verdict."""

RAW_CHARACTERS = 2000
"""How much of an unreadable line is kept for rejected.jsonl."""

_SKIPPED_BYTES = 1 << 20
_UTF8_MARK = b"\xef\xbb\xbf"
_WIDE_MARKS = {
    b"\xff\xfe\x00\x00": "UTF-32",
    b"\x00\x00\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}
"""The longer first: the one of UTF-16 begins the one of UTF-32."""


class TornArchive(Exception):
    """A gzip stream that ends too early or is damaged: what was read so far is all there is."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class Line(NamedTuple):
    """The bytes of one line with its ending, and its number from 1."""

    content: bytes
    number: int


def read_lines(stream: IO[bytes], max_bytes: int = MAX_LINE_BYTES) -> Iterator[Line | UnreadableRow]:
    """Every line in order, without a leading byte-order mark; unreadable ones as such."""
    number = 0
    try:
        while content := stream.readline(max_bytes + 1):
            number += 1
            if number == 1 and (wide := _wide_encoding(content)):
                yield wide
                return
            if number == 1:
                content = content.removeprefix(_UTF8_MARK)
            if len(content) > max_bytes:
                yield _too_long(content, number, max_bytes, stream)
            else:
                yield Line(content, number)
    except TornArchive as torn:
        yield UnreadableRow(number + 1, torn.reason, torn.message, "", rest_lost=True)


def not_utf8(problem: UnicodeDecodeError) -> str:
    """The verdict's sentence for bytes that are no UTF-8."""
    byte = problem.object[problem.start]
    return f"byte 0x{byte:02x} at position {problem.start + 1} is not UTF-8; convert the file with iconv"


def readable(content: bytes) -> str:
    """The start of a line for a person, whatever its encoding."""
    return content[:RAW_CHARACTERS].decode("utf-8", "replace")


def _wide_encoding(start: bytes) -> UnreadableRow | None:
    name = next((name for mark, name in _WIDE_MARKS.items() if start.startswith(mark)), None)
    if name is None:
        return None
    message = f"the file is {name}; convert it with `iconv -f {name} -t UTF-8 FILE > NEW`"
    return UnreadableRow(1, "wrong_encoding", message, readable(start), rest_lost=True)


def _too_long(content: bytes, number: int, max_bytes: int, stream: IO[bytes]) -> UnreadableRow:
    """Skips to the end of the line, one bounded piece at a time."""
    start, length = readable(content), len(content)
    while not content.endswith(b"\n") and (content := stream.readline(_SKIPPED_BYTES)):
        length += len(content)
    message = f"the line has {length:,} bytes, more than the {max_bytes:,} that a row may have"
    return UnreadableRow(number, "line_too_long", message, start)
