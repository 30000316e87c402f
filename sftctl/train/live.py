"""What a person sees of a run while it goes on: a line now and then, and a bar on a terminal."""

import time
from dataclasses import dataclass

from sftctl import console
from sftctl.model.peak_memory import MemoryMark
from sftctl.train.monitor import Progress
from sftctl.train.result import Plan
from sftctl.units import cost_usd, data_size, dollars

_SECONDS_BETWEEN_LINES = 20.0
_COLUMNS = ("step", "loss", "held-out", "rate", "tokens/s", "memory", "left", "cost")
_WIDTHS = (11, 8, 9, 9, 9, 10, 9, 8)


@dataclass(frozen=True)
class Now:
    """The figures of one step that the losses do not hold."""

    learning_rate: float
    tokens_per_second: float
    seconds_per_step: float
    elapsed_seconds: float


class LiveTable:
    """One row for each evaluation, and at most one in 20 seconds between them."""

    def __init__(self, plan: Plan, memory: MemoryMark | None, gpu_hour_usd: float | None) -> None:
        self._plan = plan
        self._memory = memory
        self._price = gpu_hour_usd
        self._last = 0.0
        self._headed = False

    def row(self, progress: Progress, now: Now, *, measured: bool) -> None:
        """Say how far the run is, if it is time to."""
        if not measured and time.perf_counter() - self._last < _SECONDS_BETWEEN_LINES:
            return
        self._last = time.perf_counter()
        first = not self._headed
        if first:
            console.say(_aligned(_COLUMNS))
            self._headed = True
        # An older held-out loss beside a newer training loss would look like overfitting.
        shown = progress if measured or first else progress.model_copy(update={"held_out": ()})
        console.say(_aligned(cells(self._plan, shown, now, self._memory, self._price)))


def cells(
    plan: Plan, progress: Progress, now: Now, memory: MemoryMark | None, gpu_hour_usd: float | None
) -> tuple[str, ...]:
    """The row's texts, in the order of the columns; `-` where a figure is not known."""
    loss = f"{progress.train_losses[-1]:.3f}" if progress.train_losses else "-"
    held_out = f"{progress.held_out[-1].loss:.3f}" if progress.held_out else "-"
    left = (plan.steps - progress.step) * now.seconds_per_step
    cost = cost_usd(now.elapsed_seconds, gpu_hour_usd, plan.processes)
    return (
        f"{progress.step}/{plan.steps}",
        loss,
        held_out,
        f"{now.learning_rate:.1e}",
        f"{now.tokens_per_second:,.0f}",
        data_size(memory.growth_bytes()) if memory is not None else "-",
        f"{int(left // 3600)}:{int(left % 3600 // 60):02}:{int(left % 60):02}",
        dollars(cost) if cost is not None else "-",
    )


def _aligned(texts: tuple[str, ...]) -> str:
    return "".join(text.rjust(width) for text, width in zip(texts, _WIDTHS, strict=True))
