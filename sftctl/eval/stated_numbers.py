"""Numbers in text, compared by value: "1,234.50" is 1234.5 and "12%" is 0.12."""

import re
from decimal import Decimal

from sftctl.pattern import Pattern

_NUMBER = Pattern(
    r"(?<![\w.])(?P<sign>[-\u2212])?(?P<currency>[$€£¥]\s?)?"
    r"(?P<digits>\d{1,3}(?:[,\u00a0\u202f']\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
    r"(?P<unit>\s?%|\s?percent\b|\s?(?:thousand|million|billion)\b|(?:k|m|bn)\b)?(?![\w]|\.\d)",
    re.IGNORECASE,
)
_SCALES = {
    "%": "0.01",
    "percent": "0.01",
    "thousand": "1e3",
    "k": "1e3",
    "million": "1e6",
    "m": "1e6",
    "billion": "1e9",
    "bn": "1e9",
}


def numbers(text: str) -> list[Decimal]:
    """Values in order of appearance; list markers such as "1." at the start of a line are not values."""
    text = re.sub(r"^\s*\d{1,2}[.)]\s", " ", text, flags=re.MULTILINE)
    return [_value(match) for match in _NUMBER.finditer(text)]


def _value(match: re.Match[str]) -> Decimal:
    value = Decimal(re.sub(r"[^\d.]", "", match["digits"]))
    unit = (match["unit"] or "").strip().lower()
    value *= Decimal(_SCALES.get(unit, "1"))
    return -value if match["sign"] else value


def states_all(answer: str, reference: str) -> bool | None:
    """Whether every number of the reference is in the answer; None where the reference has none."""
    wanted = set(numbers(reference))
    if not wanted:
        return None
    return wanted <= set(numbers(answer))
