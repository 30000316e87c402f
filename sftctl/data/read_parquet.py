"""Parquet files, batch by batch; a row's line is its number from 1."""

import io
import itertools
import shutil
import tempfile
from collections.abc import Iterator
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from sftctl.data.lines import TornArchive
from sftctl.data.plain_values import plain
from sftctl.data.rows import AnyRow, RawRow, UnreadableRow

_BATCH_ROWS = 1000


def read_parquet(stream: IO[bytes]) -> Iterator[AnyRow]:
    """Every row; a stream that cannot seek, as gzip or standard input, is first copied to a temporary file."""
    number = 0
    try:
        with stream if stream.seekable() else _copy(stream) as file:
            batches = pq.ParquetFile(file).iter_batches(batch_size=_BATCH_ROWS)
            for row in itertools.chain.from_iterable(batch.to_pylist() for batch in batches):
                number += 1
                yield RawRow(plain(row), number)
    except TornArchive as torn:
        yield UnreadableRow(1, torn.reason, torn.message, "", rest_lost=True)
    except (pa.ArrowInvalid, OSError):
        message = "the file is damaged, or no Parquet file: copy it again"
        yield UnreadableRow(number + 1, "damaged_parquet", message, "", rest_lost=True)


def _copy(stream: IO[bytes]) -> IO[bytes]:
    copy = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    shutil.copyfileobj(stream, copy, io.DEFAULT_BUFFER_SIZE * 16)
    copy.seek(0)
    return copy
