"""How figures are written for people: the same words in the page, the markdown and the tiles."""

import json
import re
from collections.abc import Callable
from typing import Any

from sftctl.eval.result import Bounds, Difference
from sftctl.units import percent

_HYPHEN_AS_MINUS = re.compile(r"(?<![\w-])-(?=\d)")

TONES = {
    "pass": "good",
    "weak pass": "good",
    "warn": "warn",
    "investigate": "warn",
    "inconclusive": "warn",
    "fail": "bad",
}


def tone(verdict: str) -> str:
    """`good`, `warn`, `bad`, or nothing for a verdict that is none of these."""
    return TONES.get(verdict, "")


def figure(value: float | None, digits: int) -> str:
    """A number with fixed digits, and no minus before a zero; a dash where there is none."""
    return "–" if value is None else f"{value:z,.{digits}f}".replace("-", "−")


def shortest(value: float | None, digits: int) -> str:
    """At most so many digits after the point, and none that say nothing."""
    written = figure(value, digits)
    return written.rstrip("0").rstrip(".") if "." in written else written


def signed(value: float, digits: int | None) -> str:
    """A difference, always with its sign; an exact zero has none. Without digits: as many as it needs."""
    written = f"{value:+g}" if digits is None else f"{value:+,.{digits}f}"
    return "0" if value == 0 else written.replace("-", "−")


def interval(bounds: Bounds | None, write: Callable[[float], str], said: str = "95 %: ") -> str:
    """`(95 %: low to high)`, or nothing where there were too few items for one.

    `said` is empty in a column that says at its head how sure the interval is.
    """
    if bounds is None or bounds.low is None or bounds.high is None:
        return ""
    return f"({said}{write(bounds.low)} to {write(bounds.high)})"


def with_interval(difference: Difference | None, digits: int, said: str = "95 %: ") -> str:
    """A difference and its 95 % interval."""
    if difference is None:
        return "–"
    ends = interval(difference.interval, lambda end: figure(end, digits), said)
    return f"{signed(difference.value, digits)} {ends}".rstrip()


def share_interval(bounds: Bounds | None) -> str:
    """An interval of a share, in a column that says at its head how sure it is."""
    return interval(bounds, percent, said="")


def typeset(text: str) -> str:
    """A sentence of the terminal as a page writes it: true minus and arrow, a number and its % on one line."""
    return _HYPHEN_AS_MINUS.sub("−", text).replace(" -> ", " → ").replace(" %", "\u00a0%")


def thousands(count: int) -> str:
    """A count with separators."""
    return f"{count:,}"


def pretty(value: Any) -> str:
    """A row of data as indented JSON."""
    return json.dumps(value, indent=1, ensure_ascii=False)
