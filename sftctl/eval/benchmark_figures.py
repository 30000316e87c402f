"""Item scores of both sides to a figure in points: paired by id and prompt, with interval and verdict."""

from collections.abc import Sequence
from dataclasses import dataclass

from sftctl import stats
from sftctl.errors import UsageError
from sftctl.eval.config import DropGate
from sftctl.eval.intervals import compared, difference_of
from sftctl.eval.result import BenchmarkFigure, Difference, Gate
from sftctl.eval.verdicts import benchmark_message, drop_verdict, items_to_settle


@dataclass(frozen=True, slots=True)
class ItemScore:
    """One item on one side: its score in 0..1, and a hash of the prompt that was really asked.

    `values` are the log-likelihoods behind the score, where they are known.
    """

    id: str
    prompt_hash: str
    score: float
    values: tuple[float, ...] = ()


@dataclass(frozen=True)
class TaskScores:
    """One benchmark on both sides. `base_again`: the base's scores in another batch size and order, or empty."""

    id: str
    metric: str
    available: int
    base: Sequence[ItemScore]
    tuned: Sequence[ItemScore]
    base_again: Sequence[ItemScore] = ()
    seconds: float = 0.0

    @property
    def binary(self) -> bool:
        return all(item.score in (0.0, 1.0) for item in (*self.base, *self.tuned))


def benchmark_figures(tasks: Sequence[TaskScores], gate: DropGate) -> list[BenchmarkFigure]:
    """All tasks together, since Holm's correction needs every p-value. Raises UsageError where items do not pair."""
    compared_tasks = [_compare(task) for task in tasks]
    adjusted = stats.holm([paired.p for paired in compared_tasks])
    return [_figure(task, paired, p, gate) for task, paired, p in zip(tasks, compared_tasks, adjusted, strict=True)]


def benchmark_gate(figure: BenchmarkFigure, limits: DropGate) -> Gate:
    """The figure as one line of the verdict."""
    message = benchmark_message(figure.difference, figure.base, figure.tuned, figure.items_to_settle)
    return Gate(
        name=figure.id,
        section="benchmark",
        subject=figure.id,
        limits=limits.model_dump(),
        verdict=figure.verdict,
        message=message,
    )


def _compare(task: TaskScores) -> stats.Paired:
    _refuse_unpaired(task)
    if task.base and all(b.values and b.values == t.values for b, t in zip(task.base, task.tuned, strict=True)):
        # Equal to the last digit on every item: one model, not two that happen to agree on a sample.
        return stats.Paired(0.0, 0.0, stats.Interval(0.0, 0.0), 1.0, len(task.base))
    base, tuned = [item.score for item in task.base], [item.score for item in task.tuned]
    return compared(base, tuned, binary=task.binary)


def _refuse_unpaired(task: TaskScores) -> None:
    base, tuned = ({item.id: item.prompt_hash for item in side} for side in (task.base, task.tuned))
    if len(base) != len(task.base) or [item.id for item in task.base] != [item.id for item in task.tuned]:
        raise UsageError(f"benchmark {task.id}: base and tuned were not scored on the same items; run eval again.")
    differing = [name for name, prompt in base.items() if tuned[name] != prompt]
    if differing:
        raise UsageError(
            f"benchmark {task.id}: {len(differing)} prompts differ between base and tuned (first: item "
            f"{differing[0]}), so the scores cannot be compared. Give both sides the same template and examples."
        )


def _figure(task: TaskScores, paired: stats.Paired, adjusted_p: float, gate: DropGate) -> BenchmarkFigure:
    difference = difference_of(paired, 100.0)
    verdict = drop_verdict(difference, gate.investigate_points, gate.fail_points, significant=adjusted_p < 0.05)
    counts = stats.discordant([item.score for item in task.base], [item.score for item in task.tuned])
    return BenchmarkFigure(
        id=task.id,
        metric=task.metric,
        available=task.available,
        items=len(task.base),
        base=_points(task.base),
        tuned=_points(task.tuned),
        difference=difference,
        lost=counts.lost,
        gained=counts.gained,
        mcnemar_p=stats.mcnemar(counts.lost, counts.gained) if task.binary else None,
        adjusted_p=adjusted_p,
        verdict=verdict,
        items_to_settle=_needed(verdict, difference, gate),
        seconds=task.seconds,
    )


def _needed(verdict: str, difference: Difference, gate: DropGate) -> int | None:
    return items_to_settle(difference, gate.investigate_points) if verdict in ("inconclusive", "weak pass") else None


def _points(items: Sequence[ItemScore]) -> float:
    return 100 * sum(item.score for item in items) / len(items) if items else 0.0
