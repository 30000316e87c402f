"""Opens a file or standard input as bytes, and unpacks gzip whatever the file is called."""

import errno
import fcntl
import gzip
import io
import os
import sys
import zlib
from typing import IO, Any

from sftctl.data.lines import TornArchive
from sftctl.errors import StorageFailed, UsageError

STANDARD_INPUT = "-"

_GZIP_MAGIC = b"\x1f\x8b"
_BUFFER_BYTES = 1 << 20
_NOT_THERE = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.EACCES, errno.EPERM, errno.ENXIO}
"""No file that can be opened; ENXIO is what a socket gives."""


def open_bytes(path: str) -> "io.BufferedReader[io.RawIOBase]":
    """The unpacked content of a file, or of standard input for `-`; UsageError when it cannot be opened."""
    packed: io.BufferedReader[io.RawIOBase] = io.BufferedReader(open_packed(path), _BUFFER_BYTES)
    if packed.peek(2)[:2] == _GZIP_MAGIC:
        return io.BufferedReader(_Unpacked(packed, path), _BUFFER_BYTES)
    return packed


def open_packed(path: str) -> io.FileIO:
    """The file, or standard input for `-`, as it is; UsageError when it cannot be opened for reading."""
    try:
        if path != STANDARD_INPUT:
            return io.FileIO(path)
        if fcntl.fcntl(sys.stdin.fileno(), fcntl.F_GETFL) & os.O_ACCMODE == os.O_WRONLY:
            raise UsageError("standard input: open for writing alone. Pipe the rows in, or name a file")
        return io.FileIO(sys.stdin.fileno(), closefd=False)
    except OSError as problem:
        if problem.errno not in _NOT_THERE:
            raise
        raise UsageError(f"{path}: {(problem.strerror or 'cannot be opened').lower()}. Check its path") from problem


class _Unpacked(io.RawIOBase):
    """A gzip stream whose damage is told as TornArchive."""

    def __init__(self, packed: IO[bytes], path: str) -> None:
        self._packed = packed
        self._gzip = gzip.GzipFile(fileobj=packed)
        self._path = path

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            piece = self._gzip.read1(len(buffer))
        except EOFError as problem:
            message = "the gzip file ends too early: copy it again, or keep what is left with `gzip -dc FILE > NEW`"
            raise TornArchive("truncated_gzip", message) from problem
        except (zlib.error, gzip.BadGzipFile) as problem:
            raise TornArchive("damaged_gzip", f"the gzip file is damaged ({problem}): copy it again") from problem
        except OSError as problem:
            raise StorageFailed(f"{self._path}: cannot be read: {problem.strerror}") from problem
        buffer[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        if not self.closed:
            self._gzip.close()
            self._packed.close()
        super().close()
