"""What the page shows below its first screen: losses, what training did, the answers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sftctl.curate.result import VERDICTS
from sftctl.eval.result import BehaviourFigure, Bounds, EvalResult, LossFigure, Mark, SideBySide
from sftctl.report.results import Results
from sftctl.train.result import TrainResult
from sftctl.units import data_size, dollars, duration, percent


@dataclass(frozen=True)
class Segment:
    """Part of an answer; marked where the other side differs."""

    text: str
    marked: bool


@dataclass(frozen=True)
class AnswerRow:
    """One prompt with both answers, and in words what each misses. `worse`: the tuned one misses what the base has."""

    source: str
    prompt: str
    base: tuple[Segment, ...] | None
    tuned: tuple[Segment, ...]
    reference: str | None
    changed: bool
    base_miss: str
    miss: str
    worse: bool


@dataclass(frozen=True)
class Plots:
    """Pictures as SVG; an empty one stands for nothing to draw."""

    curves: str = ""
    behaviours: str = ""
    benchmarks: str = ""
    win_rates: str = ""


@dataclass(frozen=True)
class Compared:
    """One line of forecast against actual."""

    name: str
    forecast: str
    actual: str
    ratio: str


def loss_rows(result: EvalResult | None) -> list[tuple[str, LossFigure]]:
    """Held-out losses, each under the names of all groups that hold just these rows."""
    names: dict[tuple[float | None, ...], list[str]] = {}
    figures_of: dict[tuple[float | None, ...], LossFigure] = {}
    for loss in result.losses if result else ():
        same_rows = (loss.rows, loss.tokens, loss.base, loss.tuned)
        names.setdefault(same_rows, []).append(loss.kind if loss.kind == "all" else f"{loss.kind} {loss.group}")
        figures_of.setdefault(same_rows, loss)
    return [(", ".join(names[key]), loss) for key, loss in figures_of.items()]


def benchmark_limits(result: EvalResult | None) -> dict[str, float]:
    """The limits that the recipe sets for all benchmarks, in points; empty without a benchmark."""
    gates = (gate for gate in (result.gates if result else ()) if gate.section == "benchmark")
    return next((gate.limits for gate in gates), {})


_COLOURS = {
    "good": "Green: changed as wanted, beyond chance.",
    "bad": "Red: changed the other way, beyond chance.",
    "": "Blue: no change beyond chance.",
}


def behaviour_legend(result: EvalResult | None) -> str:
    """What the colours of the plot say; of those that it has."""
    tones = {direction(item) for item in (result.behaviours if result else ()) if item.difference is not None}
    return " ".join(meaning for tone, meaning in _COLOURS.items() if tone in tones)


def direction(item: BehaviourFigure) -> str:
    """Whether the change is a gain or a loss beyond chance."""
    bounds = item.difference.interval if item.difference else Bounds(low=None, high=None)
    rose = bounds.low is not None and bounds.low > 0
    fell = bounds.high is not None and bounds.high < 0
    return "good" if (rose and item.wanted) or (fell and not item.wanted) else "bad" if rose or fell else ""


def training_facts(result: TrainResult | None) -> list[tuple[str, str]]:
    """Name and value of what a reader of the run wants to know."""
    if result is None:
        return []
    plan = result.plan
    facts = [
        ("outcome", f"{result.outcome.replace('_', ' ')} after {result.steps_done} of {plan.steps} steps"),
        ("weights kept", f"step {result.chosen_step}, saved as {result.saved_as}"),
        ("method", f"{plan.method}, {plan.trainable_parameters:,} of {plan.parameters:,} weights trained"),
        ("rows", f"{plan.rows:,} rows, {plan.trained_tokens:,} trained tokens, {plan.batch_size} examples a step"),
        ("learning rate", f"{plan.learning_rate:g}"),
        ("speed", f"{result.tokens_per_second:,.0f} tokens per second, {percent(result.fill)} of positions filled"),
        ("peak memory", data_size(result.peak_memory_bytes)),
    ]
    if result.reload is not None:
        check = result.reload
        facts.append(
            ("read back from disk", f"logits differ by at most {check.max_logit_difference:.2g}; "
             f"{check.stopped} of {check.generations} answers end with the stop token")
        )  # fmt: skip
    facts += [(f"dropped: {reason}", f"{count:,} rows") for reason, count in result.dropped_rows.items()]
    return facts


def forecast_against_actual(result: TrainResult | None) -> list[Compared]:
    """What the smoke test expected, beside what training took."""
    if result is None or result.forecast is None:
        return []
    said = result.forecast
    rows = [
        _compared("time", said.seconds, result.seconds, duration),
        _compared("peak memory", said.peak_memory_bytes, result.peak_memory_bytes, data_size),
    ]
    if said.cost_usd and result.cost_usd is not None:
        rows.append(_compared("cost", said.cost_usd, result.cost_usd, dollars))
    return rows


def _compared(name: str, said: float, happened: float, write: Callable[[float], str]) -> Compared:
    return Compared(name, write(said), write(happened), f"{happened / said:.2f}" if said else "–")


def answer_rows(result: EvalResult | None) -> list[AnswerRow]:
    """First what the tuned model alone misses, then its other misses, then what changed; then in eval's order."""
    if result is None:
        return []
    rows = [_answer_row(row, result) for row in result.side_by_side]
    return sorted(rows, key=lambda row: (not row.worse, not row.miss, not row.changed))


def _answer_row(row: SideBySide, result: EvalResult) -> AnswerRow:
    base = _misses(result, row.base_scores, confidently_wrong=row.base_confident_and_wrong)
    tuned = _misses(result, row.tuned_scores, confidently_wrong=row.confident_and_wrong)
    return AnswerRow(
        source=row.source,
        prompt=row.prompt,
        base=None if row.base is None else _segments(row.base, row.base_marks),
        tuned=_segments(row.tuned, row.tuned_marks),
        reference=row.reference,
        changed=row.base != row.tuned,
        base_miss=", ".join(base),
        miss=", ".join(tuned),
        worse=row.base is not None and not set(tuned) <= set(base),
    )


def _misses(result: EvalResult, scores: Mapping[str, float | None], *, confidently_wrong: bool) -> list[str]:
    """Behaviours whose score is the unwanted one."""
    unwanted = {item.id: 0.0 if item.wanted else 1.0 for item in result.behaviours}
    failed = [name for name, bad in unwanted.items() if scores.get(name) == bad]
    return [*failed, *(["confidently wrong"] if confidently_wrong else [])]


def _segments(text: str, marks: Sequence[Mark]) -> tuple[Segment, ...]:
    segments, position = [], 0
    for mark in sorted(marks, key=lambda mark: mark.start):
        segments += [Segment(text[position : mark.start], False), Segment(text[mark.start : mark.end], True)]
        position = mark.end
    return tuple(segment for segment in [*segments, Segment(text[position:], False)] if segment.text)


def verdict_columns(results: Results) -> list[str]:
    """The verdicts that occur, in their order."""
    counts = results.curate.verdicts if results.curate else {}
    return [verdict for verdict in VERDICTS if counts.get(verdict)]
