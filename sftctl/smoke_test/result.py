"""What the smoke test leaves in smoke_test/smoke_test.json: checks, answers, forecast."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

Verdict = Literal["pass", "warn", "fail", "skipped"]


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Check(_Record):
    """One question, its answer, the figures behind it, and what to do where it is not a pass."""

    name: str
    verdict: Verdict
    evidence: str
    advice: str = ""

    @property
    def in_words(self) -> str:
        """What was seen and, unless it passed, what to do."""
        if self.verdict in ("pass", "skipped"):
            return self.evidence
        return f"{self.evidence}. {self.advice[:1].upper()}{self.advice[1:]}".rstrip(". ")


class Piece(_Record):
    """A run of text that is trained as a whole, or not at all."""

    text: str
    trained: bool


class Preview(_Record):
    """One training row as the trainer sees it, for colouring."""

    id: str
    pieces: tuple[Piece, ...]


class AnsweredPrompt(_Record):
    """One held-out prompt, answered greedily before and after the steps."""

    id: str
    prompt: str
    reference: str
    before: str
    after: str
    stopped: bool


class MemoryUse(_Record):
    """What one way to train would hold, in bytes; `activations` were measured where `measured` is true."""

    way: str
    weights: int
    gradients: int
    optimizer: int
    activations: int
    measured: bool
    fits: bool | None

    @property
    def total(self) -> int:
        return self.weights + self.gradients + self.optimizer + self.activations


class Forecast(_Record):
    """What `sftctl train` will take."""

    steps: int
    tokens: int
    trained_tokens: int
    tokens_per_second: float
    seconds: float
    training_seconds: float
    evaluation_seconds: float
    saving_seconds: float
    peak_memory_bytes: int
    device_memory_bytes: int | None
    checkpoint_bytes: int
    cost_usd: float | None
    floating_point_operations: float
    floor_seconds: float | None
    other_ways: tuple[MemoryUse, ...] = ()
    made_from: dict[str, str] = {}
    """Name -> hash of what decides what a run takes; a training made from anything else is not compared with it."""


class SmokeTestResult(_Record):
    """The whole file."""

    schema_version: Literal[1] = 1
    passed: bool
    checks: tuple[Check, ...]
    steps: int
    steps_not_reached: int = 0
    """Steps that the time limit left undone."""
    losses: tuple[float | None, ...]
    seconds: float
    preview: tuple[Preview, ...] = ()
    answers: tuple[AnsweredPrompt, ...] = ()
    forecast: Forecast | None = None

    @classmethod
    def without_steps(cls, failure: Check, seconds: float) -> "SmokeTestResult":
        """The result where a guard of the data stopped everything else."""
        return cls(passed=False, checks=(failure,), steps=0, losses=(), seconds=seconds)

    @property
    def cut_short(self) -> str:
        """In a sentence, which steps the time limit left undone; empty where it left none."""
        if not self.steps_not_reached:
            return ""
        planned = self.steps + self.steps_not_reached
        return (
            f"smoke_test.time_limit_minutes ended the steps after {self.steps} of {planned}: "
            "checks and forecast rest on those"
        )

    @property
    def failed(self) -> tuple[Check, ...]:
        return tuple(check for check in self.checks if check.verdict == "fail")
