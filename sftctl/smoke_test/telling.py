"""The result for people: verdicts, forecast, one line of cost; and annotations where GitHub runs the test."""

import os
from collections import Counter

from rich.text import Text

from sftctl import console
from sftctl.smoke_test.result import Check, Forecast, MemoryUse, Preview, SmokeTestResult, Verdict
from sftctl.units import data_size, dollars, duration

_ANNOTATION = {"fail": "error", "warn": "warning"}

_OTHERWISE: dict[Verdict, str] = {"fail": "failed", "warn": "with a warning", "skipped": "skipped"}

_ANY_GPU_HOLDS = 2 * 2**30
"""Where every way needs less, there is nothing to choose."""


def tell(result: SmokeTestResult) -> None:
    """Failed checks are left to the error that ends the command; warnings are said here, passes with --verbose."""
    if result.preview:
        console.say("what is trained stands in «»")
    for preview in result.preview:
        console.show(_coloured(preview))
    for check in result.checks:
        if check.verdict in ("pass", "skipped"):
            console.detail(f"{check.verdict}: {check.name}: {check.evidence}")
    if result.cut_short:
        console.say(result.cut_short)
    counts = Counter(check.verdict for check in result.checks)
    others = "".join(f", {counts[verdict]} {word}" for verdict, word in _OTHERWISE.items() if counts[verdict])
    console.say(f"{counts['pass']} of {len(result.checks)} checks passed{others}")
    for check in result.checks:
        if check.verdict == "warn":
            console.warn(in_words(check))
    if result.forecast is not None:
        _tell_forecast(result.forecast)
    for line in annotations(result):
        console.plain(line)


def in_words(check: Check) -> str:
    """One line: which check, what was seen, what to do."""
    return f"{check.name}: {check.in_words}"


def annotations(result: SmokeTestResult) -> list[str]:
    """GitHub's workflow commands, one for each check that failed or warns; none elsewhere."""
    if os.environ.get("GITHUB_ACTIONS") != "true":
        return []
    return [
        f"::{_ANNOTATION[check.verdict]} title=sftctl smoke-test {check.name}::{_escaped(in_words(check))}"
        for check in result.checks
        if check.verdict in _ANNOTATION
    ]


def cost_line(forecast: Forecast) -> str:
    """Time, memory and money of the full run, in one line."""
    parts = [
        f"the full run: {forecast.steps} steps, {duration(forecast.seconds)}",
        f"{data_size(forecast.peak_memory_bytes)}",
    ]
    if forecast.cost_usd is not None:
        parts.append(dollars(forecast.cost_usd))
    if forecast.floor_seconds is not None:
        parts.append(f"no faster than {duration(forecast.floor_seconds)} at the device's peak")
    return ", ".join(parts)


def _tell_forecast(forecast: Forecast) -> None:
    if max((use.total for use in forecast.other_ways), default=0) > _ANY_GPU_HOLDS:
        rows = [_way(use) for use in forecast.other_ways]
        console.table(
            "memory of each way to train, on a GPU, by formula", ("way", "static", "total", "fits here"), rows
        )
    console.say(cost_line(forecast))


def _way(use: MemoryUse) -> tuple[str, str, str, str]:
    static = use.weights + use.gradients + use.optimizer
    return (
        use.way,
        data_size(static),
        data_size(use.total),
        "unknown" if use.fits is None else "yes" if use.fits else "no",
    )


def _coloured(preview: Preview) -> Text:
    """Marked by signs as well as by colour, for terminals and readers without it."""
    text = Text("  ")
    for piece in preview.pieces:
        shown = console.safe(piece.text).replace("\n", "\n  ")
        text.append(f"«{shown}»" if piece.trained else shown, style="bold green" if piece.trained else "dim")
    return text


def _escaped(text: str) -> str:
    """As GitHub's toolkit escapes a message."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
