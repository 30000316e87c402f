"""A polite stop: the step in hand is finished and saved, then the run ends."""

import contextlib
import math
import os
import signal
import time
from collections.abc import Iterator
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGHUP)


class StopRequest:
    """Whether the run must stop at the next step's end, and by which signal; `at` is a time of perf_counter."""

    def __init__(self, at: float = math.inf) -> None:
        self.signal: signal.Signals | None = None
        self._at = at

    def __bool__(self) -> bool:
        return self.signal is not None or time.perf_counter() > self._at


@contextlib.contextmanager
def stop_on_signal() -> Iterator[StopRequest]:
    """Within the block SIGTERM, SIGINT, SIGUSR1 and SIGHUP only raise the flag; the former handlers come back after it.

    SIGHUP stays ignored where `nohup` asked for that.
    """
    request = StopRequest()

    def note(number: int, frame: FrameType | None) -> None:
        request.signal = signal.Signals(number)
        # Not through the console: it may be in the middle of a line, and cannot be entered twice.
        with contextlib.suppress(OSError):
            os.write(2, f"{request.signal.name}: the step or the save in hand is finished first\n".encode())

    kept = {signal.SIGHUP} if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else set()
    try:
        former = {number: signal.signal(number, note) for number in SIGNALS if number not in kept}
    except ValueError:  # not the main thread: signals are its caller's business
        yield request
        return
    try:
        yield request
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
