"""A stop by signal: what was measured is in the journals, so the same command continues."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from sftctl.errors import Interrupted


@contextlib.contextmanager
def progress_saved(journals: Path) -> Iterator[None]:
    """Turn SIGINT and SIGTERM within the block into Interrupted (exit 75); the former handlers come back after it."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise Interrupted(
            f"stopped by {signal.Signals(number).name}; what was measured is kept in {journals}. "
            "Run the same command again to go on."
        )

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    former = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
