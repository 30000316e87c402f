"""What a person reads in the terminal: sentences, warnings, tables, progress. All of it goes to standard error."""

import contextlib
import os
import re
import sys
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from rich.console import RenderableType

Verbosity = Literal["quiet", "normal", "verbose"]

_ANSI_SEQUENCE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-_]")


class _Terminal:
    """The one place that knows how loud and how colourful this process is."""

    def __init__(self) -> None:
        self.verbosity: Verbosity = "normal"
        self.rich = Console(stderr=True, highlight=False)
        self.log: Path | None = None


_terminal = _Terminal()


def configure(verbosity: Verbosity = "normal", *, color: bool = True) -> None:
    """Set once by the command line. NO_COLOR and CI switch colour and animation off whatever is asked."""
    _terminal.verbosity = verbosity
    plain = not color or bool(os.environ.get("NO_COLOR"))
    width = None if sys.stderr.isatty() else 120
    _terminal.rich = Console(stderr=True, highlight=False, no_color=plain, width=width)


def log_to(path: Path | None) -> None:
    """From now on append every line to this file too, with its time, quiet or not."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
    _terminal.log = path


def log_file() -> Path | None:
    """Where lines are kept, when they are."""
    return _terminal.log


def log_only(text: str) -> None:
    """A text for the log file alone, such as a traceback."""
    if _terminal.log is None:
        return
    now = datetime.now().astimezone().isoformat(timespec="seconds")
    with contextlib.suppress(OSError), _terminal.log.open("a", encoding="utf-8", errors="replace") as file:
        file.write(f"{now} {text}\n")


def interactive() -> bool:
    """Whether bars may move: a terminal, outside CI, and not quiet."""
    return sys.stderr.isatty() and not os.environ.get("CI") and _terminal.verbosity != "quiet"


def say(text: str) -> None:
    """A line that most readers want."""
    _emit(text, escape(text), shown=_terminal.verbosity != "quiet")


def detail(text: str) -> None:
    """A line for --verbose."""
    _emit(text, f"[dim]{escape(text)}[/dim]", shown=_terminal.verbosity == "verbose")


def heading(text: str) -> None:
    """The start of a stage."""
    _emit(text, f"[bold]{escape(text)}[/bold]", shown=_terminal.verbosity != "quiet")


def success(text: str) -> None:
    """The end of something that worked."""
    _emit(text, f"[green]{escape(text)}[/green]", shown=_terminal.verbosity != "quiet")


def warn(text: str) -> None:
    """Something to change; shown even when quiet. The text says what."""
    _emit(f"warning: {text}", f"[yellow]warning:[/yellow] {escape(text)}", shown=True)


def error(text: str) -> None:
    """Why the command ends without success; shown even when quiet."""
    _emit(f"error: {text}", f"[bold red]error:[/bold red] {escape(text)}", shown=True)


def plain(text: str) -> None:
    """A line that a machine reads, such as a CI annotation; shown even when quiet, never coloured."""
    _emit(text, escape(text), shown=True)


def show(renderable: "RenderableType") -> None:
    """Anything that rich can draw: a coloured conversation, a panel."""
    if _terminal.verbosity != "quiet":
        _terminal.rich.print(renderable)


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Aligned columns; the first is text, the others are right-aligned. Cells are made safe."""
    if _terminal.verbosity == "quiet":
        return
    cells = [[safe(cell) for cell in row] for row in rows]
    widths = [max(len(column), *(len(row[i]) for row in cells), 0) for i, column in enumerate(columns)]

    def line(values: Sequence[str]) -> str:
        first, *others = values
        parts = [first.ljust(widths[0]), *(value.rjust(width) for value, width in zip(others, widths[1:], strict=True))]
        return "  " + "  ".join(parts).rstrip()

    say(title)
    _terminal.rich.print(f"[dim]{escape(line(columns))}[/dim]", soft_wrap=True)
    for row in cells:
        _emit(line(row), escape(line(row)), shown=True)


@contextlib.contextmanager
def progress(description: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """A bar with the time that remains; yields `advance(n)`. Silent where bars may not move."""
    if not interactive():
        yield lambda amount: None
        return
    columns = (TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=_terminal.rich, transient=True) as bar:
        task = bar.add_task(description, total=total)
        yield lambda amount: bar.advance(task, amount)


def safe(text: str) -> str:
    """Text from data, without what could move a cursor, recolour a terminal or reorder a line."""
    text = _ANSI_SEQUENCE.sub("", text)
    return "".join(character if _printable(character) else "\N{REPLACEMENT CHARACTER}" for character in text)


def _printable(character: str) -> bool:
    return character in "\n\t" or unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def _emit(plain: str, marked_up: str, *, shown: bool) -> None:
    log_only(plain)
    if shown:
        _terminal.rich.print(marked_up, soft_wrap=True)
