"""Figures to verdicts: the five verdicts on a difference, gates on rates, and the worst of all."""

import math
from collections.abc import Iterable, Sequence

from sftctl.eval.config import LossGate
from sftctl.eval.result import (
    BehaviourFigure,
    Bounds,
    Difference,
    Gate,
    LossFigure,
    NotMeasured,
    Rate,
    VerdictName,
)
from sftctl.units import percent

ORDER: tuple[VerdictName, ...] = ("pass", "weak pass", "inconclusive", "investigate", "fail")
"""From best to worst."""

MIN_ANSWERS = 20
"""With fewer answers, a rate that only seems to be within its limit is not even a weak pass."""


def worst(verdicts: Iterable[VerdictName]) -> VerdictName:
    """The worst verdict; inconclusive where there is none, since nothing was measured."""
    return max(verdicts, key=ORDER.index, default="inconclusive")


def drop_verdict(difference: Difference, investigate: float, fail: float, *, significant: bool) -> VerdictName:
    """The five verdicts on tuned - base where a drop is bad; both limits are positive.

    `significant`: the drop is beyond chance (interval below 0, after correction for several tasks).
    """
    value, low = difference.value, _low(difference.interval)
    drop = significant and value < 0 and _high(difference.interval) < 0
    if drop and value <= -fail:
        return "fail"
    if drop and value <= -investigate:
        return "investigate"
    if low > -investigate:
        return "pass"
    if not drop and low > -fail:
        return "weak pass"
    return "inconclusive"


def items_to_settle(difference: Difference, investigate: float) -> int | None:
    """How many items would make an inconclusive difference conclusive, if it stays as large as it is now.

    A half-width shrinks with the root of the items. None where the difference lies so close to the limit that no
    sensible number would do.
    """
    low, high = _low(difference.interval), _high(difference.interval)
    if not math.isfinite(low + high) or difference.items == 0:
        return None
    margin = -difference.value if difference.value <= -investigate else difference.value + investigate
    if margin <= 0.05 * investigate:
        return None
    return math.ceil(difference.items * ((high - low) / 2 / margin) ** 2) + 1


def held_out_gate(figure: LossFigure) -> Gate:
    """Lower loss on held-out rows is what training is for: no better than the base is not a pass, unless equal."""
    verdict, message = _held_out_verdict(figure)
    name = f"held-out loss ({figure.group})"
    return Gate(name=name, section="held-out", subject=figure.group, verdict=verdict, message=message)


def _held_out_verdict(figure: LossFigure) -> tuple[VerdictName, str]:
    if figure.difference is None or figure.base is None:
        return "inconclusive", "no base to compare with"
    low, high = _low(figure.difference.interval), _high(figure.difference.interval)
    change = f"{figure.base:.3f} -> {figure.tuned:.3f} nats per token, {_change(figure.difference, 3)}"
    if low == high == 0:
        return "pass", f"{change}: the same on every row"
    if high < 0:
        return "pass", f"{change}: better"
    if low > 0:
        return "fail", f"{change}: worse than the base"
    return "inconclusive", f"{change}: no difference beyond chance on {figure.rows:,} rows"


def general_gate(figure: LossFigure, limits: LossGate) -> Gate | None:
    """A rise of the loss on general rows is forgetting; the five verdicts with limits in nats."""
    if figure.difference is None or figure.base is None:
        return None
    rise = figure.difference
    bounds = Bounds(low=_negative(rise.interval.high), high=_negative(rise.interval.low))
    drop = rise.model_copy(update={"value": -rise.value, "interval": bounds})
    significant = _low(rise.interval) > 0
    verdict = drop_verdict(drop, limits.investigate_nats, limits.fail_nats, significant=significant)
    message = f"{figure.base:.3f} -> {figure.tuned:.3f} nats per token, {_change(rise, 3)}"
    return Gate(
        name="general loss",
        section="general",
        subject=figure.group,
        limits=limits.model_dump(),
        verdict=verdict,
        message=message,
    )


def benchmark_message(difference: Difference, base: float, tuned: float, needed: int | None) -> str:
    """One line on a benchmark."""
    message = f"{base:.1f} -> {tuned:.1f} points on {difference.items:,} items, {_change(difference, 2)}"
    return f"{message}; about {needed:,} items would settle it" if needed else message


def behaviour_gates(figure: BehaviourFigure) -> list[Gate]:
    """One gate for each limit that the recipe sets."""
    if figure.tuned is None:
        return []
    gates = []
    if figure.max_rate is not None:
        gates.append(_rate_gate(figure, figure.tuned, figure.max_rate, at_most=True))
    if figure.min_rate is not None:
        gates.append(_rate_gate(figure, figure.tuned, figure.min_rate, at_most=False))
    if figure.max_delta is not None and figure.difference is not None:
        gates.append(_delta_gate(figure, figure.difference, figure.max_delta))
    return gates


def _rate_gate(figure: BehaviourFigure, rate: Rate, limit: float, *, at_most: bool) -> Gate:
    """fail and pass are beyond chance; investigate and weak pass are what was seen, with the limit in the interval."""
    low, high = _low(rate.interval), _high(rate.interval)
    met = rate.value <= limit if at_most else rate.value >= limit
    shown = high <= limit if at_most else low >= limit
    refuted = low > limit if at_most else high < limit
    # No sample can show that something never or always happens: there, what was seen decides.
    strict = limit in (0.0, 1.0)
    if met:
        verdict: VerdictName = (
            "pass" if shown or strict else "weak pass" if rate.rows >= MIN_ANSWERS else "inconclusive"
        )
    else:
        verdict = "fail" if refuted or strict else "investigate"
    key, word = ("max_rate", "at most") if at_most else ("min_rate", "at least")
    name = f"{figure.id}: {word} {percent(limit)}"
    message = f"{percent(rate.value)} of {rate.rows:,} answers (95 %: {percent(low)} to {percent(high)})"
    return Gate(
        name=name, section="behaviour", subject=figure.id, limits={key: limit}, verdict=verdict, message=message
    )


def _delta_gate(figure: BehaviourFigure, difference: Difference, limit: float) -> Gate:
    sign = -1 if figure.wanted else 1
    worse = sign * difference.value
    bounds = sorted((sign * _low(difference.interval), sign * _high(difference.interval)))
    if worse > limit:
        verdict: VerdictName = "fail" if bounds[0] > limit else "investigate"
    elif bounds[1] <= limit:
        verdict = "pass"
    else:
        verdict = "weak pass" if difference.items >= MIN_ANSWERS else "inconclusive"
    name = f"{figure.id}: at most {100 * limit:g} points worse than the base"
    message = f"{_change(difference, 1, scale=100)} points on {difference.items:,} answers"
    return Gate(
        name=name,
        section="behaviour",
        subject=figure.id,
        limits={"max_delta": limit},
        verdict=verdict,
        message=message,
    )


def measurement_gates(missing: Sequence[NotMeasured]) -> list[Gate]:
    """What was asked for and could not be measured is never a pass."""
    return [
        Gate(
            name=item.name,
            section="measurement",
            subject=item.name,
            verdict="inconclusive",
            message=f"not measured: {item.reason}",
        )
        for item in missing
        if item.asked
    ]


def headline(gates: Sequence[Gate]) -> str:
    """The overall verdict in one sentence."""
    verdict = worst(gate.verdict for gate in gates)
    if not gates:
        return "inconclusive: nothing was measured"
    if verdict == "pass":
        return f"pass: all {len(gates)} gates" if len(gates) > 1 else f"pass: {gates[0].name}"
    named = ", ".join(gate.name for gate in gates if gate.verdict == verdict)
    return f"{verdict}: {named}"


def beyond_chance(difference: Difference) -> bool:
    """Whether the interval leaves out zero."""
    low, high = difference.interval.low, difference.interval.high
    return low is not None and high is not None and (low > 0 or high < 0)


def _change(difference: Difference, digits: int, *, scale: float = 1) -> str:
    low, high = difference.interval.low, difference.interval.high
    value = f"{scale * difference.value:+.{digits}f}"
    if low is None or high is None:
        return f"{value} (too few for an interval)"
    return f"{value} (95 %: {scale * low:+.{digits}f} to {scale * high:+.{digits}f})"


def _negative(bound: float | None) -> float | None:
    return None if bound is None else -bound


def _low(bounds: Bounds) -> float:
    return -math.inf if bounds.low is None else bounds.low


def _high(bounds: Bounds) -> float:
    return math.inf if bounds.high is None else bounds.high
