"""The recipe's eval section: what is measured, and what must hold."""

from typing import Literal, Self

from pydantic import Field, model_validator

from sftctl.eval.arena.config import ArenaConfig
from sftctl.eval.behaviours import Behaviour
from sftctl.eval.benchmarks import Benchmark
from sftctl.eval.engines.config import Engine
from sftctl.eval.judge.config import JudgeConfig
from sftctl.section import Section, section_of_defaults


def _refuse_repeats(kind: str, ids: list[str]) -> None:
    repeated = sorted({name for name in ids if ids.count(name) > 1})
    if repeated:
        raise ValueError(f"{kind} id {', '.join(repeated)} is used twice")


class DropGate(Section):
    """When a drop of a benchmark's score counts. Points are hundredths: 71.0 to 69.0 is a drop of 2."""

    investigate_points: float = Field(
        2, gt=0, le=100, description="a drop of this many points, beyond chance, is investigated"
    )
    fail_points: float = Field(5, gt=0, le=100, description="a drop of this many points, beyond chance, fails")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.investigate_points > self.fail_points:
            raise ValueError("investigate_points is above fail_points")
        return self


class LossGate(Section):
    """When a rise of the loss on general rows counts: forgetting, in nats per token."""

    investigate_nats: float = Field(
        0.05, gt=0, le=20, description="a rise of this much, beyond chance, is investigated"
    )
    fail_nats: float = Field(0.2, gt=0, le=20, description="a rise of this much, beyond chance, fails")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.investigate_nats > self.fail_nats:
            raise ValueError("investigate_nats is above fail_nats")
        return self


class BenchmarksConfig(Section):
    """Benchmarks for forgetting."""

    tasks: tuple[Benchmark, ...] = Field((), description="benchmarks, each from a file or the hub")
    gate: DropGate = section_of_defaults("when a drop counts")
    as_chat: bool = Field(False, description="ask through the chat template, as a user's turn; both models alike")
    max_batch_tokens: int = Field(8192, ge=64, le=2**24, description="tokens scored at once")

    @model_validator(mode="after")
    def _ids_differ(self) -> Self:
        _refuse_repeats("benchmark", [task.id for task in self.tasks])
        return self


class EvalConfig(Section):
    """Base against tuned: losses, answers, behaviours, benchmarks, and the verdict."""

    base: str | None = Field(None, description="model or adapter to compare with; null: the recipe's model")
    tuned: str | None = Field(None, description="model or adapter to judge; null: the one that this run trained")
    held_out: str | None = Field(None, description="file of rows that were not trained on; null: the run's own")
    prompts: int = Field(50, ge=1, le=5000, description="held-out prompts that both models answer; 20-50 can be read")
    max_new_tokens: int = Field(256, ge=1, le=32768, description="longest answer, in tokens")
    best_of: int = Field(
        4, ge=1, le=16, description="answers sampled per prompt to see if better ones are within reach; 1: none"
    )
    engine: Engine = section_of_defaults("where answers come from", kind="hf")
    behaviours: tuple[Behaviour, ...] = Field((), description="checks of the answers, with limits")
    general_loss: LossGate = section_of_defaults("when a rise of the loss on general rows counts")
    benchmarks: BenchmarksConfig = section_of_defaults("benchmarks for forgetting")
    judge: JudgeConfig | None = Field(None, description="a model that compares the answers; null: none")
    arena: ArenaConfig | None = Field(None, description="a page on which people compare answers; null: none")
    fail_on: tuple[Literal["investigate", "inconclusive"], ...] = Field(
        (), description="verdicts that end with exit 1 besides fail"
    )

    @property
    def needs_training(self) -> bool:
        """Whether it judges what this run trained: no other model is named, and weights are loaded."""
        return self.tuned is None and self.engine.kind in ("hf", "vllm")

    @model_validator(mode="after")
    def _ids_differ(self) -> Self:
        _refuse_repeats("behaviour", [behaviour.id for behaviour in self.behaviours])
        return self
