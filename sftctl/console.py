"""What a person reads in the terminal: sentences, warnings, tables, progress. All of it goes to standard error."""

import contextlib
import functools
import os
import sys
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sftctl.pattern import Pattern

if TYPE_CHECKING:
    from rich.console import RenderableType

    from sftctl.terminal import Terminal

Verbosity = Literal["quiet", "normal", "verbose"]

_ANSI_SEQUENCE = Pattern(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-_]")


class _Settings:
    """The one place that knows how loud and how colourful this process is."""

    def __init__(self) -> None:
        self.verbosity: Verbosity = "normal"
        self.color = True
        self.log: Path | None = None


_settings = _Settings()


def configure(verbosity: Verbosity = "normal", *, color: bool = True) -> None:
    """Set once by the command line. NO_COLOR switches colour off whatever is asked, CI where FORCE_COLOR is not set."""
    _settings.verbosity = verbosity
    unwanted = os.environ.get("NO_COLOR") or (os.environ.get("CI") and not os.environ.get("FORCE_COLOR"))
    _settings.color = color and not unwanted
    _terminal.cache_clear()


@functools.cache
def _terminal() -> "Terminal":
    from sftctl.terminal import Terminal

    return Terminal(color=_settings.color)


def log_to(path: Path | None) -> None:
    """From now on append every line to this file too, with its time, quiet or not."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
    _settings.log = path


def log_file() -> Path | None:
    """Where lines are kept, when they are."""
    return _settings.log


def log_only(text: str) -> None:
    """A text for the log file alone, such as a traceback."""
    if _settings.log is None:
        return
    now = datetime.now().astimezone().isoformat(timespec="seconds")
    with contextlib.suppress(OSError), _settings.log.open("a", encoding="utf-8", errors="replace") as file:
        file.write(f"{now} {text}\n")


def interactive() -> bool:
    """Whether bars may move: a terminal that can move its cursor, outside CI, and not quiet."""
    still = os.environ.get("CI") or os.environ.get("TERM") == "dumb" or _settings.verbosity == "quiet"
    return sys.stderr.isatty() and not still


def say(text: str) -> None:
    """A line that most readers want."""
    _line(text, shown=_settings.verbosity != "quiet")


def detail(text: str) -> None:
    """A line for --verbose."""
    _line(text, style="dim", shown=_settings.verbosity == "verbose")


def heading(text: str) -> None:
    """The start of a stage."""
    _line(text, style="bold", shown=_settings.verbosity != "quiet")


def success(text: str) -> None:
    """The end of something that worked."""
    _line(text, style="green", shown=_settings.verbosity != "quiet")


def warn(text: str) -> None:
    """Something to change; shown even when quiet. The text says what."""
    _line(text, style="yellow", label="warning:")


def error(text: str) -> None:
    """Why the command ends without success; shown even when quiet."""
    _line(text, style="bold red", label="error:")


def plain(text: str) -> None:
    """A line that a machine reads, such as a CI annotation; shown even when quiet, never coloured."""
    _line(text)


def show(renderable: "RenderableType") -> None:
    """Anything that rich can draw: a coloured conversation, a panel."""
    if _settings.verbosity != "quiet":
        _terminal().show(renderable)


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Aligned columns; the first is text, the others are right-aligned. Cells are made safe."""
    cells = [[safe(cell) for cell in row] for row in rows]
    widths = [max(len(column), *(len(row[i]) for row in cells), 0) for i, column in enumerate(columns)]

    def line(values: Sequence[str]) -> str:
        first, *others = values
        parts = [first.ljust(widths[0]), *(value.rjust(width) for value, width in zip(others, widths[1:], strict=True))]
        return "  " + "  ".join(parts).rstrip()

    shown = _settings.verbosity != "quiet"
    _line(title, shown=shown)
    _line(line(columns), style="dim", shown=shown)
    for row in cells:
        _line(line(row), shown=shown)


@contextlib.contextmanager
def progress(description: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """A bar with the time that remains; yields `advance(n)`. Silent where bars may not move."""
    if interactive():
        with _terminal().progress(description, total) as advance:
            yield advance
    else:
        yield lambda amount: None


def safe(text: str) -> str:
    """Text from data, without what could move a cursor, recolour a terminal or reorder a line."""
    text = _ANSI_SEQUENCE.sub("", text)
    return "".join(character if _printable(character) else "\N{REPLACEMENT CHARACTER}" for character in text)


def _printable(character: str) -> bool:
    return character in "\n\t" or unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def _line(text: str, *, style: str = "", label: str = "", shown: bool = True) -> None:
    """One line for the log and, where `shown`, for the reader; plain where nobody looks at a terminal."""
    whole = f"{label} {text}" if label else text
    log_only(whole)
    if not shown:
        return
    if sys.stderr.isatty() or os.environ.get("FORCE_COLOR"):
        _terminal().line(text, style=style, label=label)
    else:
        sys.stderr.write(whole + "\n")
