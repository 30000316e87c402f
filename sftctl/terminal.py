"""A terminal that a person looks at: colour, and bars that move. Loaded only where it is needed, since rich is slow."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text


class Terminal:
    """Standard error through rich; lines are never wrapped, so that what is copied from it is what was printed."""

    def __init__(self, *, color: bool) -> None:
        self._rich = Console(stderr=True, highlight=False, color_system="auto" if color else None)

    def line(self, text: str, *, style: str, label: str) -> None:
        """One line whose label is coloured, or all of it where there is none."""
        # Not markup: rich would read `:100:` and `[x]` in a place or a row as signs of its own.
        whole = Text.assemble((label, style), " ", text) if label else Text(text, style)
        self._rich.print(whole, soft_wrap=True)

    def show(self, renderable: RenderableType) -> None:
        """Anything that rich can draw."""
        self._rich.print(renderable, soft_wrap=True)

    @contextmanager
    def progress(self, description: str, total: int | None) -> Iterator[Callable[[int], None]]:
        """A bar with the time that remains; yields `advance(n)`."""
        columns = (TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=self._rich, transient=True) as bar:
            task = bar.add_task(description, total=total)
            yield lambda amount: bar.advance(task, amount)
