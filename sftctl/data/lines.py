"""Lines of a byte stream in bounded memory: an over-long line is skipped, a torn archive is the last thing seen."""

import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from sftctl.data.rows import UnreadableRow

MAX_LINE_BYTES = 16 * 1024 * 1024
"""The longest row that is read; a longer one is skipped, 16 MiB at a time, and gets a verdict."""

RAW_CHARACTERS = 2000
"""How much of an unreadable line is kept for rejected.jsonl."""

_UTF8_MARK = b"\xef\xbb\xbf"
_WIDE_MARKS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16", b"\x00\x00\xfe\xff": "UTF-32"}


class Line(NamedTuple):
    """The bytes of one line with its ending, and its number from 1."""

    content: bytes
    number: int


def read_lines(stream: BinaryIO, max_bytes: int = MAX_LINE_BYTES) -> Iterator[Line | UnreadableRow]:
    """Every line in order, without a leading byte-order mark; unreadable ones as such."""
    number = 0
    try:
        while content := stream.readline(max_bytes + 1):
            number += 1
            if number == 1:
                if wide := _wide_encoding(content):
                    yield _wide(wide, content)
                    return
                content = content.removeprefix(_UTF8_MARK)
            if len(content) > max_bytes:
                yield _too_long(content, number, max_bytes, stream)
            else:
                yield Line(content, number)
    except (EOFError, zlib.error, OSError) as problem:
        # gzip raises EOFError when torn, zlib.error or BadGzipFile when damaged; a fault of the disk has an errno.
        if isinstance(problem, OSError) and problem.errno is not None:
            raise
        yield torn_archive(number + 1, problem)


def torn_archive(line: int, problem: Exception) -> UnreadableRow:
    """The verdict on a gzip file that ends too early or is damaged."""
    if isinstance(problem, EOFError):
        message = "the gzip file ends too early: copy it again, or keep what is readable with `gzip -dc FILE > NEW`"
        return UnreadableRow(line, "truncated_gzip", message, "", rest_lost=True)
    message = f"the gzip file is damaged ({problem}): copy it again"
    return UnreadableRow(line, "damaged_gzip", message, "", rest_lost=True)


def readable(content: bytes) -> str:
    """The start of a line for a person, whatever its encoding."""
    return content[:RAW_CHARACTERS].decode("utf-8", "replace")


def _wide_encoding(start: bytes) -> str | None:
    return next((name for mark, name in _WIDE_MARKS.items() if start.startswith(mark)), None)


def _wide(encoding: str, content: bytes) -> UnreadableRow:
    message = f"the file is {encoding}; convert it with `iconv -f {encoding} -t UTF-8 FILE > NEW`"
    return UnreadableRow(1, "wrong_encoding", message, readable(content), rest_lost=True)


def _too_long(content: bytes, number: int, max_bytes: int, stream: BinaryIO) -> UnreadableRow:
    """Skips to the end of the line, one bounded piece at a time."""
    start, length = readable(content), len(content)
    while not content.endswith(b"\n") and (content := stream.readline(max_bytes)):
        length += len(content)
    message = f"the line has {length:,} bytes, more than the {max_bytes:,} that a row may have"
    return UnreadableRow(number, "line_too_long", message, start)
