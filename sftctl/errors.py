"""Everything that can go wrong for a user, and the exit code of each kind.

SftctlError
  GateFailed              1   a smoke-test check, an eval threshold, too many rows dropped by filters
  UsageError              2   command line, recipe, refused resume
    RecipeError           2   one or more problems in the recipe, each with file:line:column
    MissingInput          2   a stage's input is missing or stale; names the command to run
    ResumeRefused         2   data or recipe changed since the checkpoint was written
    MisreadSource         2   a column or a format of a source that its rows do not have, or no known one
    UntrainedWeights      2   weights that the recipe means to train get no gradient
  DataUnusable            4   rows that cannot be read or trained on
    TooManyDropped        4   more of them than data.max_dropped_fraction allows
  OutOfMemory             6   says what to lower, and by how much
  TrainingDiverged        7   a non-finite loss or gradient
  EnvironmentProblem      8   offline, gated model, no GPU, an extra not installed, judge unreachable
  RunDirBusy             73   another process holds the run directory
  StorageFailed          74   disk full, or another input/output failure
  Interrupted            75   progress saved: run the same command again

Anything else that is raised is a bug in sftctl: exit 3, its traceback in the log.
"""

import errno
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """What the shell sees. Never 0 for partial work."""

    OK = 0
    GATE_FAILED = 1
    USAGE = 2
    BUG = 3
    DATA_UNUSABLE = 4
    OUT_OF_MEMORY = 6
    DIVERGED = 7
    ENVIRONMENT = 8
    RUN_DIR_BUSY = 73
    STORAGE = 74
    INTERRUPTED = 75
    KILLED_BY_SIGINT = 130
    KILLED_BY_SIGTERM = 143


INTERRUPTIONS = (ExitCode.INTERRUPTED, ExitCode.KILLED_BY_SIGINT)
"""Asked for by a signal: nothing has failed."""


class SftctlError(Exception):
    """A problem that the user can fix. The message says what happened, where, and what to do."""

    exit_code: ClassVar[ExitCode] = ExitCode.USAGE


class GateFailed(SftctlError):
    """A check or threshold was not met; the results are written all the same."""

    exit_code = ExitCode.GATE_FAILED


class UsageError(SftctlError):
    """The command line, the recipe, or the state of the run directory does not allow the command."""

    exit_code = ExitCode.USAGE


class RecipeError(UsageError):
    """The recipe is not valid; the message lists every problem at once."""

    def __init__(self, message: str, problems: tuple[str, ...] = ()) -> None:
        """`problems`: each of them alone, where there can be several."""
        super().__init__(message)
        self.problems = problems or (message,)


class MissingInput(UsageError):
    """A stage's input is missing or stale; the message holds the command that makes it."""


class ResumeRefused(UsageError):
    """The run directory holds progress that was made from other data or another recipe."""


class MisreadSource(UsageError):
    """What the recipe says of a source does not fit its rows; each problem has the key inside the source.

    `fact`: what was found, for a file beside whose path nothing can be written.
    """

    def __init__(self, source: str, problems: Mapping[tuple[str, ...], str], fact: str = "") -> None:
        super().__init__("\n".join(f"source {source}, {'.'.join(key)}: {text}" for key, text in problems.items()))
        self.source = source
        self.problems = problems
        self.fact = fact


class UntrainedWeights(UsageError):
    """Weights that the recipe means to train get no gradient, and would stay as they are."""


class DataUnusable(SftctlError):
    """Rows cannot be read, or nothing is left to train on."""

    exit_code = ExitCode.DATA_UNUSABLE


class TooManyDropped(DataUnusable):
    """Too large a share of the rows cannot be tokenised exactly, or is too long."""


class OutOfMemory(SftctlError):
    """The device has too little memory for the plan."""

    exit_code = ExitCode.OUT_OF_MEMORY


class TrainingDiverged(SftctlError):
    """A loss or gradient became infinite or not a number."""

    exit_code = ExitCode.DIVERGED


class EnvironmentProblem(SftctlError):
    """The machine lacks something: network, access, a GPU, an optional package, a reachable judge."""

    exit_code = ExitCode.ENVIRONMENT


class RunDirBusy(SftctlError):
    """Another live process holds the run directory."""

    exit_code = ExitCode.RUN_DIR_BUSY


class StorageFailed(SftctlError):
    """The disk is full, or a file could not be written or read."""

    exit_code = ExitCode.STORAGE


class Interrupted(SftctlError):
    """A signal arrived; progress is saved and the same command continues."""

    exit_code = ExitCode.INTERRUPTED

    def __init__(self, message: str, *, stage_done: bool = False) -> None:
        """`stage_done`: the signal came so late that its stage was finished first; only what follows is left."""
        super().__init__(message)
        self.stage_done = stage_done


@dataclass(frozen=True)
class Told:
    """An error as the shell, the JSON document, the manifest and a JUnit file tell it."""

    exit_code: ExitCode
    kind: str
    message: str


_GPU_OUT_OF_MEMORY = "OutOfMemoryError"
"""torch's own, by name: torch is not loaded for an error's sake."""

_DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS}
_IN_THE_WAY = (PermissionError, IsADirectoryError, NotADirectoryError, FileExistsError)


def told(error: BaseException) -> Told:
    """What the user hears of an error of any kind; where its traceback is, is left to say by who keeps it."""
    kind = type(error).__name__
    if isinstance(error, SftctlError):
        return Told(error.exit_code, kind, str(error))
    if isinstance(error, KeyboardInterrupt):
        message = "interrupted; this command saved nothing more. Run it again."
        return Told(ExitCode.KILLED_BY_SIGINT, Interrupted.__name__, message)
    if isinstance(error, MemoryError) or kind == _GPU_OUT_OF_MEMORY:
        message = "out of memory. Free memory, give the process more, or use fewer rows or a smaller model."
        return Told(ExitCode.OUT_OF_MEMORY, OutOfMemory.__name__, message)
    if isinstance(error, OSError) and error.errno in _DISK_ERRORS:
        message = f"{error.filename or 'writing'}: {error.strerror}. Free space or mend the disk, then run it again."
        return Told(ExitCode.STORAGE, kind, message)
    if isinstance(error, _IN_THE_WAY):
        message = f"{error.filename or 'a file'}: {(error.strerror or kind).lower()}. Mend that, or name another place."
        return Told(ExitCode.STORAGE, kind, message)
    return Told(ExitCode.BUG, kind, f"a bug in sftctl, please report it: {kind}: {error}".rstrip(": ") + ".")
