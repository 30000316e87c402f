"""Any supported file, standard input or hub data set becomes a stream of rows, each with its line."""

import gzip
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from sftctl.data.read_jsonl import read_jsonl, read_text_lines
from sftctl.data.rows import AnyRow, RawRow, UnreadableRow
from sftctl.data.source import FileType
from sftctl.errors import DataUnusable, UsageError

_TYPE_OF_ENDING: dict[str, FileType] = {".jsonl": "jsonl", ".ndjson": "jsonl", ".txt": "txt"}
_READERS = {"jsonl": read_jsonl, "txt": read_text_lines}


def read_rows(path: str, *, file_type: FileType = "auto") -> Iterator[AnyRow]:
    """Every row of a source in its order; a line that cannot be read comes as such, and reading goes on behind it."""
    with _open(path) as stream:
        yield from _READERS[file_type if file_type != "auto" else _type_of(path)](stream)


def read_values(path: str, *, file_type: FileType = "auto") -> list[dict[str, Any]]:
    """All rows of a file that must be faultless, such as a benchmark; raises DataUnusable at its first bad line."""
    values = []
    for row in read_rows(path, file_type=file_type):
        if isinstance(row, UnreadableRow):
            raise DataUnusable(f"{path}:{row.line}: {row.message}")
        if isinstance(row, RawRow):
            values.append(row.value)
    return values


def _type_of(path: str) -> FileType:
    name = path.removesuffix(".gz")
    ending = Path(name).suffix.lower()
    if path == "-":
        return "jsonl"
    if ending not in _TYPE_OF_ENDING:
        raise UsageError(f"{path}: the ending does not say what the file is; set file_type")
    return _TYPE_OF_ENDING[ending]


def _open(path: str) -> BinaryIO:
    if path == "-":
        return sys.stdin.buffer
    try:
        if path.endswith(".gz"):
            return io.BufferedReader(gzip.open(path))
        return open(path, "rb")
    except FileNotFoundError as problem:
        raise UsageError(f"{path}: there is no such file") from problem
