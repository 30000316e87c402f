"""Any supported file, standard input or hub data set becomes a stream of rows, each with its line."""

import io
import itertools
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from sftctl.data.byte_streams import STANDARD_INPUT, open_bytes
from sftctl.data.read_csv import read_csv
from sftctl.data.read_json import read_json
from sftctl.data.read_jsonl import read_jsonl, read_text_lines
from sftctl.data.rows import AnyRow, RawRow, UnreadableRow
from sftctl.data.source import FileType
from sftctl.errors import DataUnusable, UsageError

_Reader = Callable[[IO[bytes]], Iterator[AnyRow]]

_READERS: dict[str, _Reader] = {"jsonl": read_jsonl, "json": read_json, "csv": read_csv, "txt": read_text_lines}
_ENDINGS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json", ".csv": "csv", ".parquet": "parquet", ".txt": "txt"}
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")


def read_rows(
    path: str,
    *,
    file_type: FileType = "auto",
    split: str = "train",
    subset: str | None = None,
    revision: str | None = None,
) -> Iterator[AnyRow]:
    """Every row of a source in its order; a line that cannot be read comes as such, and reading goes on behind it.

    `split`, `subset` and `revision` are for hub data sets and for folders of data files.
    """
    if file_type == "auto" and read_by_datasets(path):
        # A second to load, which most recipes need not wait for.
        from sftctl.data.read_hub import read_hub

        yield from read_hub(path, split=split, subset=subset, revision=revision)
        return
    with open_bytes(path) as stream:
        kind = file_type if file_type != "auto" else _kind_of(path, stream)
        yield from _reader_of(kind)(stream)


def _reader_of(kind: str) -> _Reader:
    if kind != "parquet":
        return _READERS[kind]
    from sftctl.data.read_parquet import read_parquet

    return read_parquet


def read_values(path: str, *, file_type: FileType = "auto", most_rows: int | None = None) -> list[dict[str, Any]]:
    """All rows, or the first, of a file that must be faultless, such as a benchmark; DataUnusable at a bad line."""
    values = []
    for row in itertools.islice(read_rows(path, file_type=file_type), most_rows):
        if isinstance(row, UnreadableRow):
            raise DataUnusable(f"{path}:{row.line}: {row.message} [{row.reason}]")
        if isinstance(row, RawRow):
            values.append(row.value)
    return values


def read_by_datasets(path: str) -> bool:
    """A folder, or what looks like org/name and is no file here."""
    local = Path(path)
    return local.is_dir() or (_ending(path) not in _ENDINGS and not local.exists() and bool(_HUB_ID.fullmatch(path)))


def _kind_of(path: str, stream: "io.BufferedReader[io.RawIOBase]") -> str:
    """By the ending of the name; standard input has none and is known by how it starts."""
    if path == STANDARD_INPUT:
        start = stream.peek(4)
        return "parquet" if start.startswith(b"PAR1") else "json" if start.lstrip()[:1] == b"[" else "jsonl"
    if _ending(path) not in _ENDINGS:
        raise UsageError(
            f"{path}: its ending is none of {', '.join(_ENDINGS)} (each also .gz). "
            "Rename it, or set its source's file_type"
        )
    return _ENDINGS[_ending(path)]


def _ending(path: str) -> str:
    return Path(path.lower().removesuffix(".gz")).suffix
