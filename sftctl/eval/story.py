"""The run in three lines: what became better, what became worse, what was forgotten."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sftctl.eval.judge.result import Estimate
from sftctl.eval.result import BehaviourFigure, BenchmarkFigure, Gate, LossFigure, VerdictName
from sftctl.eval.verdicts import beyond_chance
from sftctl.units import percent

_TOLD = 3
"""Changes named in one line; the report has them all."""


@dataclass(frozen=True)
class Changes:
    """What base and tuned were compared on. `win_rates`: who compared answers, and how often tuned was preferred."""

    behaviours: Sequence[BehaviourFigure]
    benchmarks: Sequence[BenchmarkFigure]
    domain: LossFigure | None
    general: LossFigure | None
    win_rates: Mapping[str, Estimate]


def story(changes: Changes, gates: Sequence[Gate]) -> dict[str, str]:
    """`better` and `worse` hold what changed beyond chance, `forgotten` every measure of it; empty without a base."""
    moved = [*_preferences(changes.win_rates), *_behaviours(changes.behaviours), *_domain(changes.domain)]
    kept = list(_abilities(changes, gates))
    if not moved and not kept and not any(figure.difference for figure in changes.behaviours):
        return {}
    return {
        "better": _named([text for better, text in moved if better]),
        "worse": _named([text for better, text in moved if not better]),
        "forgotten": _forgotten(kept),
    }


def _preferences(win_rates: Mapping[str, Estimate]) -> Iterator[tuple[bool, str]]:
    for who, rate in win_rates.items():
        if rate.low is not None and rate.high is not None and not rate.low <= 0.5 <= rate.high:
            yield rate.value > 0.5, f"preferred by {who} on {percent(rate.value)} of {rate.items} prompts"


def _behaviours(behaviours: Sequence[BehaviourFigure]) -> Iterator[tuple[bool, str]]:
    """Largest change first."""
    for figure in sorted(behaviours, key=lambda figure: -abs(figure.difference.value) if figure.difference else 0.0):
        if figure.base and figure.tuned and figure.difference and beyond_chance(figure.difference):
            text = f"{figure.id} {percent(figure.base.value)} to {percent(figure.tuned.value)}"
            yield (figure.difference.value > 0) == figure.wanted, text


def _domain(figure: LossFigure | None) -> Iterator[tuple[bool, str]]:
    if figure and figure.difference and beyond_chance(figure.difference):
        yield figure.difference.value < 0, f"held-out loss {figure.base:.3f} to {figure.tuned:.3f}"


def _abilities(changes: Changes, gates: Sequence[Gate]) -> Iterator[tuple[VerdictName, str]]:
    for figure in changes.benchmarks:
        yield figure.verdict, f"{figure.id} {figure.base:.1f} to {figure.tuned:.1f} points"
    verdict = next((gate.verdict for gate in gates if gate.section == "general"), None)
    if verdict and changes.general:
        yield verdict, f"general loss {changes.general.base:.3f} to {changes.general.tuned:.3f}"


def _forgotten(abilities: Sequence[tuple[VerdictName, str]]) -> str:
    """First what dropped, then what cannot be told, then what held."""
    if not abilities:
        return "not measured: no benchmark, no general rows"
    lost, unclear, kept = (
        ", ".join(text for verdict, text in abilities if verdict in verdicts)
        for verdicts in (("fail", "investigate"), ("inconclusive",), ("pass", "weak pass"))
    )
    first = lost or ("" if unclear else "nothing")
    return "; ".join(text for text in (first, unclear and f"not clear: {unclear}", kept and f"kept: {kept}") if text)


def _named(texts: Sequence[str]) -> str:
    more = f", and {len(texts) - _TOLD} more" if len(texts) > _TOLD else ""
    return ", ".join(texts[:_TOLD]) + more if texts else "nothing beyond chance"
