"""All that was measured, before it is judged."""

from dataclasses import dataclass, field

from sftctl.eval.answers import AnswerPair
from sftctl.eval.arena.result import ArenaResult
from sftctl.eval.judge.contest import Contests
from sftctl.eval.judge.result import JudgeResult
from sftctl.eval.result import BenchmarkFigure, BestOf, Gate, LossFigure, NotMeasured, Side, Sign, Spread


@dataclass
class Measured:
    """Filled step by step by the measurements; `failures` are gates that a measurement itself decides."""

    base: Side | None
    tuned: Side
    losses: list[LossFigure] = field(default_factory=list)
    pairs: list[AnswerPair] = field(default_factory=list)
    benchmarks: list[BenchmarkFigure] = field(default_factory=list)
    drift: list[Sign] = field(default_factory=list)
    best_of: BestOf | None = None
    spreads: list[Spread] = field(default_factory=list)
    failures: list[Gate] = field(default_factory=list)
    missing: list[NotMeasured] = field(default_factory=list)
    contests: Contests | None = None
    judge: JudgeResult | None = None
    arena: ArenaResult | None = None

    def miss(self, name: str, reason: str, *, asked: bool = True) -> None:
        """Name a measurement that did not run."""
        self.missing.append(NotMeasured(name=name, reason=reason, asked=asked))
