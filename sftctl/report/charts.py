"""Pictures as inline SVG whose colours are the page's own, so that they follow light and dark."""

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from sftctl.eval.result import Bounds

# Drawn in these, then replaced by the page's custom properties.
INK, MUTED, GRID = "#111111", "#777777", "#dddddd"
BASE, TUNED, GOOD, BAD, WARN = "#3366aa", "#cc6611", "#228833", "#bb2233", "#aa7700"
_VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    GRID: "--line",
    BASE: "--base",
    TUNED: "--tuned",
    GOOD: "--good",
    BAD: "--bad",
    WARN: "--warn",
}


_WIDTH = 4.8
"""Inches; narrow enough that its text can be read on a phone, where the picture shrinks to the screen."""


@dataclass(frozen=True)
class Point:
    """One row of a forest plot, in points: tuned minus base, with its 95 % interval."""

    label: str
    value: float
    bounds: Bounds
    tone: str


def loss_curves(
    train: Sequence[tuple[float, float]],
    held_out: Mapping[str, Sequence[tuple[float, float]]],
    chosen_step: int,
) -> str:
    """(step, nats per token) of the training batches and of each held-out set, and the step whose weights were kept."""
    figure, axes = _figure(3.0)
    if train:
        steps, losses = zip(*train, strict=True)
        axes.plot(steps, losses, color=MUTED, linewidth=0.7, alpha=0.5)
        axes.plot(steps, _smooth(losses), color=BASE, linewidth=1.6, label="training")
    for (name, curve), color in zip(held_out.items(), (TUNED, GOOD, WARN, BAD), strict=False):
        steps, losses = zip(*curve, strict=True)
        axes.plot(steps, losses, color=color, linewidth=1.6, marker="o", markersize=4, label=f"held out: {name}")
    axes.axvline(chosen_step, color=INK, linewidth=1, linestyle="--", label=f"kept: step {chosen_step}")
    axes.set_xlabel("step", color=INK)
    axes.set_ylabel("nats per token", color=INK)
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, labelcolor=INK, fontsize=9)
    return _svg(figure)


def forest(points: Sequence[Point], lines: Sequence[tuple[float, str]], unit: str) -> str:
    """Differences with their intervals, one row each, and labelled vertical lines such as -2 and -5."""
    figure, axes = _figure(0.75 + 0.38 * len(points))
    for row, point in enumerate(reversed(points)):
        color = {"good": GOOD, "bad": BAD, "warn": WARN}.get(point.tone, BASE)
        low, high = point.bounds.low, point.bounds.high
        if low is not None and high is not None:
            axes.plot([low, high], [row, row], color=color, linewidth=2.2, solid_capstyle="butt")
        axes.plot([point.value], [row], color=color, marker="s", markersize=6)
    axes.axvline(0, color=INK, linewidth=1)
    for position, label in lines:
        axes.axvline(position, color=MUTED, linewidth=1, linestyle=":")
        axes.annotate(
            label,
            (position, 1),
            xycoords=("data", "axes fraction"),
            color=MUTED,
            fontsize=8,
            ha="center",
            xytext=(0, 2),
            textcoords="offset points",
        )
    axes.set_yticks(range(len(points)), [point.label for point in reversed(points)], color=INK)
    axes.set_ylim(-0.6, len(points) - 0.4)
    axes.set_xlabel(unit, color=INK)
    axes.grid(axis="y", visible=False)
    return _svg(figure)


def _figure(height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(_WIDTH, height), layout="constrained")
    axes = figure.add_subplot()
    axes.grid(color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(colors=MUTED, labelcolor=INK, labelsize=9)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(MUTED)
    return figure, axes


def _smooth(values: Sequence[float], weight: float = 0.9) -> list[float]:
    """Exponential mean, corrected for its start (Kingma and Ba 2015, section 3)."""
    mean, smoothed = 0.0, []
    for index, value in enumerate(values, start=1):
        mean = weight * mean + (1 - weight) * value
        smoothed.append(mean / (1 - weight**index))
    return smoothed


def _svg(figure: Figure) -> str:
    """The drawing alone: text stays text, ids are stable, fixed colours become the page's."""
    target = io.StringIO()
    figure.patch.set_alpha(0)
    for axes in figure.axes:
        axes.patch.set_alpha(0)
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "sftctl"}):
        FigureCanvasSVG(figure).print_svg(
            target, metadata={"Date": None, "Creator": None, "Format": None, "Type": None}
        )
    drawing = target.getvalue()
    drawing = re.sub(r"<metadata>.*?</metadata>", "", drawing[drawing.index("<svg") :], flags=re.DOTALL)
    drawing = re.sub(r' id="[A-Za-z0-9.]+_\d+"', "", drawing)
    for color, variable in _VARIABLES.items():
        drawing = drawing.replace(color, f"var({variable})")
    return drawing
