"""What eval leaves behind: every figure with its interval, the answers side by side, the gates and the verdict."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from sftctl.eval.arena.result import ArenaResult
from sftctl.eval.judge.result import JudgeResult

VerdictName = Literal["pass", "weak pass", "inconclusive", "investigate", "fail"]
"""From best to worst; a run is as bad as its worst gate."""

Action = Literal[
    "good_enough",
    "train_longer",
    "more_or_better_data",
    "reduce_forgetting",
    "preference_tuning",
    "measure_more",
    "fix_measurement",
]


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Bounds(_Frozen):
    """A 95 % interval; null is no bound, because there were too few items."""

    low: float | None
    high: float | None


class Difference(_Frozen):
    """tuned - base on the same items, in the unit of the figure that it belongs to."""

    value: float
    standard_error: float | None
    interval: Bounds
    p: float
    items: int


class Side(_Frozen):
    """One of the two models; `fingerprint` hashes its weights. `adapter_off`: the tuned one without its adapter."""

    path: str
    fingerprint: str
    adapter_off: bool = False


class LossFigure(_Frozen):
    """Token-weighted loss of one group of held-out rows, nats per response token."""

    group: str
    kind: Literal["all", "role", "source", "tag"]
    rows: int
    tokens: int
    base: float | None
    tuned: float
    base_perplexity: float | None
    tuned_perplexity: float
    difference: Difference | None


class Mark(_Frozen):
    """Characters of an answer that the other side does not have."""

    start: int
    end: int


class SideBySide(_Frozen):
    """One held-out prompt and its answers; `base` is null where there is no base."""

    id: str
    source: str
    role: str
    tags: tuple[str, ...]
    prompt: str
    reference: str | None
    base: str | None
    tuned: str
    base_stopped: bool
    tuned_stopped: bool
    base_marks: tuple[Mark, ...] = ()
    tuned_marks: tuple[Mark, ...] = ()
    base_scores: dict[str, float | None] = {}
    tuned_scores: dict[str, float | None] = {}
    base_confident_and_wrong: bool = False
    confident_and_wrong: bool = False


class Rate(_Frozen):
    """A share, 0 to 1, and how many rows it was measured on."""

    value: float
    interval: Bounds
    rows: int


class BehaviourFigure(_Frozen):
    """One behaviour on both sides. lost and gained count answers whose 0/1 score fell or rose."""

    id: str
    check: str
    wanted: bool
    base: Rate | None
    tuned: Rate | None
    difference: Difference | None
    lost: int
    gained: int
    mcnemar_p: float | None
    max_rate: float | None
    min_rate: float | None
    max_delta: float | None


class BenchmarkFigure(_Frozen):
    """One benchmark. Scores and differences are in points, 0 to 100."""

    id: str
    metric: str
    available: int
    items: int
    base: float
    tuned: float
    difference: Difference
    lost: int
    gained: int
    mcnemar_p: float | None
    adjusted_p: float
    verdict: VerdictName
    items_to_settle: int | None
    seconds: float


class Sign(_Frozen):
    """Another sign of drift. `notable` says that it moved beyond what its rule (in `meaning`) allows."""

    name: str
    base: float | None
    tuned: float
    interval: Bounds | None
    notable: bool
    meaning: str


class BestOf(_Frozen):
    """Greedy answers against the best of several samples, on the share that is right."""

    samples: int
    prompts: int
    greedy: float
    best: float
    difference: Difference


class Spread(_Frozen):
    """The base measured twice, in another batch size and order: what the instrument itself adds."""

    measure: str
    unit: str
    items: int
    difference: float
    largest_item_difference: float
    item_unit: str


class Gate(_Frozen):
    """One line of the verdict."""

    name: str = Field(description="what people read")
    section: Literal["held-out", "general", "behaviour", "benchmark", "judge", "arena", "measurement"] = Field(
        description="the kind of gate"
    )
    subject: str = Field(
        description="what it judges: the id of a behaviour or benchmark, the role of held-out rows, the opponent of a "
        "judge or arena, or the measurement that did not run"
    )
    limits: dict[str, float] = Field({}, description="the recipe's keys that set its limits, with their values")
    verdict: VerdictName = Field(description="from best to worst; the run's verdict is its worst gate's")
    message: str = Field(description="the figures, in words")


class NotMeasured(_Frozen):
    """A measurement that did not run. `asked` ones make the verdict inconclusive at best."""

    name: str
    reason: str
    asked: bool


class NextStep(_Frozen):
    """What to do next, and the figures that say so."""

    action: Action
    advice: str
    evidence: tuple[str, ...]


class EvalResult(_Frozen):
    """The whole of eval.json."""

    schema_version: Literal[1] = 1
    seed: int
    seconds: float
    base: Side | None
    tuned: Side
    verdict: VerdictName
    headline: str
    story: dict[str, str] = {}
    """What became `better`, what `worse`, what was `forgotten`, each in words; empty where there is no base."""
    gates: tuple[Gate, ...]
    next_step: NextStep
    losses: tuple[LossFigure, ...] = ()
    side_by_side: tuple[SideBySide, ...] = ()
    behaviours: tuple[BehaviourFigure, ...] = ()
    confident_and_wrong: BehaviourFigure | None = None
    benchmarks: tuple[BenchmarkFigure, ...] = ()
    drift: tuple[Sign, ...] = ()
    best_of: BestOf | None = None
    spreads: tuple[Spread, ...] = ()
    not_measured: tuple[NotMeasured, ...] = ()
    judge: JudgeResult | None = None
    arena: ArenaResult | None = None
