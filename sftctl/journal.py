"""Files of JSON lines that only grow: what was appended is on disk, and a last line that a kill has torn is cut off."""

import json
import os
import threading
from collections.abc import Iterable, Mapping
from io import FileIO
from pathlib import Path
from typing import Any

from sftctl.errors import StorageFailed
from sftctl.run_dir import fsync, storage_errors


class Journal:
    """Safe to append to from several threads; one process at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def read(self) -> list[dict[str, Any]]:
        """All entries, to be called before the first append. Raises StorageFailed at a line that is no JSON object."""
        if not self._path.exists():
            return []
        with storage_errors(self._path):
            content = self._path.read_bytes()
            whole = content[: content.rfind(b"\n") + 1]
            if len(whole) < len(content):
                os.truncate(self._path, len(whole))
        return [self._entry(number, line) for number, line in enumerate(whole.split(b"\n")[:-1], start=1)]

    def append(self, entries: Iterable[Mapping[str, Any]]) -> None:
        """All of them, or none where the disk fails; they outlive a kill and a power cut once this returns."""
        lines = b"".join(_line(entry) for entry in entries)
        with self._lock, storage_errors(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("ab", buffering=0) as file:
                before = file.tell()
                _write_or_undo(file, lines)
            if before == 0:
                fsync(self._path.parent)

    def _entry(self, number: int, line: bytes) -> dict[str, Any]:
        try:
            entry = json.loads(line)
        except ValueError:
            entry = None
        if not isinstance(entry, dict):
            raise StorageFailed(
                f"{self._path}:{number}: this line was changed and cannot be read. Restore the file, or delete it: "
                "what it held is then measured, or asked and paid for, again."
            )
        return entry


def _line(entry: Mapping[str, Any]) -> bytes:
    return (json.dumps(entry, ensure_ascii=False) + "\n").encode("utf-8", "surrogatepass")


def _write_or_undo(file: FileIO, lines: bytes) -> None:
    before = file.tell()
    try:
        rest = memoryview(lines)
        while rest:
            rest = rest[file.write(rest) :]
        os.fsync(file.fileno())
    except OSError:
        file.truncate(before)
        raise
