"""A run in a child process that has imported everything already, so that kills are cheap."""

import itertools
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import Literal


def start(work: Callable[[], object]) -> int:
    """Fork; the child runs `work` and exits 0, or with the exit code of the error it ends with. Returns its pid."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        work()
        code = 0
    except BaseException as error:  # noqa: BLE001 - the child ends here, whatever happened
        code = int(getattr(error, "exit_code", 70))
        if code == 70:
            traceback.print_exc()
    finally:
        os._exit(code)


def finish(pid: int) -> int:
    """Wait for the child; its exit code, or minus the signal that killed it."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def finish_together(work: Callable[[], object], port: int, **environment: str) -> list[int]:
    """Run `work` in two processes that know each other as torchrun's would; their exit codes."""

    def member(rank: int) -> None:
        names = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "LOCAL_WORLD_SIZE": 2, "MASTER_PORT": port}
        os.environ.update({name: str(value) for name, value in names.items()}, MASTER_ADDR="127.0.0.1", **environment)
        work()

    return [finish(pid) for pid in [start(partial(member, rank)) for rank in range(2)]]


def kill_after(work: Callable[[], object], seconds: float, number: int = signal.SIGKILL) -> int:
    """Run `work` and send it the signal after a time; its exit code as in `finish`."""
    pid = start(work)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if os.waitpid(pid, os.WNOHANG)[0]:
            return 0
        time.sleep(0.002)
    os.kill(pid, number)
    return finish(pid)


def kill_when(
    work: Callable[[], object],
    happened: Callable[[], bool],
    number: int = signal.SIGKILL,
    then: Callable[[], object] = bool,
) -> int:
    """Run `work` and send it the signal once the parent sees that something happened; `then` sets it free to end."""
    pid = start(work)
    while not happened():
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.001)
    os.kill(pid, number)
    then()
    return finish(pid)


def signalled_at(
    work: Callable[[], object], event: Literal["open", "os.rename"], path: Path, number: int, nth: int = 1
) -> int:
    """Run `work`, which sends itself the signal the n-th time that it opens, or renames to, what this glob matches."""
    times = itertools.count(1)

    def watch(name: str, arguments: tuple[object, ...]) -> None:
        if name == event and fnmatch(str(arguments[name == "os.rename"]), str(path)) and next(times) == nth:
            os.kill(os.getpid(), number)

    def watched() -> None:
        sys.addaudithook(watch)
        work()

    return finish(start(watched))


def weights(folder: Path) -> dict[str, bytes]:
    """The weights of a saved model, byte for byte."""
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.safetensors"))}
