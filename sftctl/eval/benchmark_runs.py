"""The recipe's benchmarks: opened, run on each side, and put into figures."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sftctl import console
from sftctl.errors import DataUnusable, EnvironmentProblem
from sftctl.eval.benchmark_figures import ItemScore, TaskScores, benchmark_figures
from sftctl.eval.benchmark_scores import BenchmarkSample, read_sample, score_again, score_sample
from sftctl.eval.benchmarks import LmEval
from sftctl.eval.config import BenchmarksConfig, DropGate
from sftctl.eval.ledger import Ledger
from sftctl.eval.lm_eval_task import score_lm_eval
from sftctl.eval.measured import Measured
from sftctl.eval.result import Spread


@dataclass(frozen=True)
class OpenTask:
    """A benchmark that can run: a sample for the built-in scorer, or a task of lm-eval."""

    source: BenchmarkSample | LmEval

    @property
    def id(self) -> str:
        return self.source.task.id if isinstance(self.source, BenchmarkSample) else self.source.id

    @property
    def metric(self) -> str:
        """As the report names it, with the number of solved examples before each question."""
        if isinstance(self.source, LmEval):
            return self.source.metric
        shots = self.source.task.shots
        return f"{self.source.task.metric}, {shots.count}-shot" if shots else self.source.task.metric


@dataclass(frozen=True)
class TaskRun:
    """Items of one benchmark on one side; `again`: some of them a second time. `problem`: why there are none."""

    items: Sequence[ItemScore]
    again: Sequence[ItemScore]
    seconds: float
    problem: str | None = None


@dataclass(frozen=True)
class TaskRunner:
    """Benchmarks on one model."""

    model: Callable[[], Any]
    tokenizer: Any
    ledger: Ledger
    config: BenchmarksConfig
    seed: int

    def run(self, task: OpenTask, *, twice: bool) -> TaskRun:
        """Score the task, and where `twice` some items again in another batch size and order."""
        started = time.monotonic()
        again: Sequence[ItemScore] = ()
        if isinstance(task.source, LmEval):
            try:
                items = self._lm_eval(task.source)
            except EnvironmentProblem as error:
                return TaskRun((), (), 0.0, problem=str(error))
        else:
            items = score_sample(self.model, self.tokenizer, task.source, self.ledger, self.config)
            if twice:
                again = score_again(self.model, self.tokenizer, task.source, self.ledger, self.config)
        return TaskRun(items, again, time.monotonic() - started)

    def _lm_eval(self, task: LmEval) -> list[ItemScore]:
        return score_lm_eval(self.model, self.tokenizer, task, self.ledger, as_chat=self.config.as_chat, seed=self.seed)


def open_tasks(config: BenchmarksConfig, seed: int, measured: Measured) -> list[OpenTask]:
    """Read and sample every benchmark; one that cannot be read is named as not measured."""
    tasks = []
    for task in config.tasks:
        try:
            tasks.append(OpenTask(task if isinstance(task, LmEval) else read_sample(task, seed)))
        except DataUnusable as error:
            console.warn(str(error))
            measured.miss(task.id, str(error))
    return tasks


def add_benchmarks(
    measured: Measured,
    tasks: Sequence[OpenTask],
    base: Mapping[str, TaskRun],
    tuned: Mapping[str, TaskRun],
    gate: DropGate,
) -> None:
    """Figures of all benchmarks that ran on both sides, and what measuring twice added."""
    scores = []
    for task in tasks:
        before, after = base[task.id], tuned[task.id]
        if problem := before.problem or after.problem:
            measured.miss(task.id, problem)
            continue
        scores.append(
            TaskScores(
                id=task.id,
                metric=task.metric,
                available=task.source.available if isinstance(task.source, BenchmarkSample) else len(before.items),
                base=before.items,
                tuned=after.items,
                base_again=before.again,
                seconds=before.seconds + after.seconds,
            )
        )
    measured.benchmarks = benchmark_figures(scores, gate)
    measured.spreads += [_spread(task) for task in scores if task.base_again]


def _spread(task: TaskScores) -> Spread:
    first = {item.id: item for item in task.base}
    gaps = [abs(a - b) for item in task.base_again for a, b in zip(item.values, first[item.id].values, strict=True)]
    moved = sum(item.score - first[item.id].score for item in task.base_again)
    return Spread(
        measure=task.id,
        unit="points",
        item_unit="nats per choice",
        items=len(task.base_again),
        difference=100 * moved / len(task.base_again),
        largest_item_difference=max(gaps, default=0.0),
    )
