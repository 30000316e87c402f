"""Standard streams that are closed, full or gone: what people read never ends a run that works."""

import io
import os
import sys


def make_lasting() -> None:
    """Open the null device for each stream that is closed; let nothing raise that writes to standard error."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            # The lowest free number is this one. Left free, a file of the run would take it, and stray output with it.
            os.open(os.devnull, os.O_RDWR)
    sys.stdin = sys.stdin or open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - lives as long as the process
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        # JSON is UTF-8 whatever the locale; a path keeps the bytes that it has on disk.
        sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")
    lasting = io.BufferedWriter(_Lasting(2, "w", closefd=False))
    encoding = sys.stderr.encoding if sys.stderr else "utf-8"
    sys.stderr = io.TextIOWrapper(lasting, encoding=encoding, errors="backslashreplace", line_buffering=True)


class _Lasting(io.FileIO):
    """A file that takes what cannot be written: the run's log holds it too."""

    def write(self, data: "io._WriteBuffer") -> int:  # type: ignore[name-defined]
        try:
            return super().write(data)
        except OSError:
            return len(data)
