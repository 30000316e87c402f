"""What has been measured already: a journal, so that an interrupted or repeated eval measures no item twice."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sftctl.manifest import hash_value
from sftctl.run_dir import storage_errors


class Ledger:
    """One journal: a line for each measured item, under a key that holds all that its value depends on."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._values: dict[str, Any] = {}
        whole = _whole_lines(path)
        for line in whole:
            entry = json.loads(line)
            self._values[entry["key"]] = entry["value"]

    def fill(
        self, keys: Sequence[str], measure: Callable[[Sequence[int]], Sequence[Any]], *, at_once: int
    ) -> list[Any]:
        """Values in the order of `keys`; `measure` is given the positions that are missing, `at_once` a time.

        What a call to `measure` returns is on disk before the next call.
        """
        missing = [position for position, key in enumerate(keys) if key not in self._values]
        # Equal keys are equal items: measured once.
        missing = list({keys[position]: position for position in reversed(missing)}.values())[::-1]
        for start in range(0, len(missing), at_once):
            positions = missing[start : start + at_once]
            self._append({keys[i]: value for i, value in zip(positions, measure(positions), strict=True)})
        return [self._values[key] for key in keys]

    def _append(self, entries: Mapping[str, Any]) -> None:
        lines = [json.dumps({"key": key, "value": value}, ensure_ascii=False) + "\n" for key, value in entries.items()]
        with storage_errors(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("ab") as file:
                file.write("".join(lines).encode("utf-8", "surrogatepass"))
                file.flush()
                os.fsync(file.fileno())
        self._values |= entries


def key_of(*parts: Any) -> str:
    """A short key of anything that JSON can hold."""
    return hash_value(parts)[:24]


def _whole_lines(path: Path) -> list[bytes]:
    """Lines of the journal; a last one that was torn by a kill is cut off, so that the next append starts clean."""
    if not path.exists():
        return []
    with storage_errors(path):
        content = path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            os.truncate(path, len(whole))
    return whole.splitlines()
