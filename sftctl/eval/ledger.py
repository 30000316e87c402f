"""What has been measured already: a journal, so that an interrupted or repeated eval measures no item twice."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sftctl.journal import Journal
from sftctl.manifest import hash_value

Keep = Callable[[Mapping[int, Any]], None]


class Ledger:
    """One journal: a line for each measured item, under a key that holds all that its value depends on."""

    def __init__(self, path: Path) -> None:
        self._journal = Journal(path)
        self._values: dict[str, Any] = {entry["key"]: entry["value"] for entry in self._journal.read()}

    def fill(
        self, keys: Sequence[str], measure: Callable[[Sequence[int]], Sequence[Any]], *, at_once: int
    ) -> list[Any]:
        """Values in the order of `keys`; `measure` is given the positions that are missing, `at_once` a time.

        What a call to `measure` returns is on disk before the next call.
        """

        def in_groups(missing: Sequence[int], keep: Keep) -> None:
            for start in range(0, len(missing), at_once):
                positions = missing[start : start + at_once]
                keep(dict(zip(positions, measure(positions), strict=True)))

        return self.fill_as_they_come(keys, in_groups)

    def fill_as_they_come(self, keys: Sequence[str], measure: Callable[[Sequence[int], Keep], None]) -> list[Any]:
        """`fill`, where `measure` is given all missing positions and hands values over by position, from any thread.

        What it hands over is on disk before it goes on.
        """
        missing = [position for position, key in enumerate(keys) if key not in self._values]
        # Equal keys are equal items: measured once.
        missing = list({keys[position]: position for position in reversed(missing)}.values())[::-1]

        def keep(values: Mapping[int, Any]) -> None:
            entries = {keys[position]: value for position, value in values.items()}
            self._journal.append({"key": key, "value": value} for key, value in entries.items())
            self._values.update(entries)

        if missing:
            measure(missing, keep)
        return [self._values[key] for key in keys]


def key_of(*parts: Any) -> str:
    """A short key of anything that JSON can hold."""
    return hash_value(parts)[:24]
