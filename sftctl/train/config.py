"""The recipe's `train` section: how long, how fast, how guarded."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from sftctl.section import Section
from sftctl.train.extra import problem_with


class EarlyStopping(Section):
    """Stop when the held-out loss no longer falls."""

    patience: int = Field(
        3, ge=1, le=1000, description="evaluations without a counted improvement before the run stops"
    )
    min_delta: float = Field(0.0, ge=0, le=10, description="fall of the held-out loss, in nats per token, that counts")


class L2Anchor(Section):
    """Pull every trained weight towards its value before training (L2-SP, Li et al. 2018)."""

    kind: Literal["l2sp"]
    strength: float = Field(0.01, gt=0, le=1e6, description="weight of half the squared distance to the base weights")


class EwcAnchor(Section):
    """Pull the weights that general rows need towards their value before training (Kirkpatrick et al. 2017)."""

    kind: Literal["ewc"]
    strength: float = Field(100.0, gt=0, le=1e9, description="weight of half the Fisher-weighted squared distance")
    fisher_rows: int = Field(
        64, ge=1, le=10_000, description="general held-out rows that the Fisher diagonal is taken from"
    )


class KlAnchor(Section):
    """Keep the next-token distribution on general rows close to the base model's (forward KL)."""

    kind: Literal["kl"]
    strength: float = Field(1.0, gt=0, le=1e6, description="weight of the KL divergence, in nats per token")
    rows_per_step: int = Field(4, ge=1, le=1024, description="general held-out rows compared in each optimizer step")


Anchor = Annotated[L2Anchor | EwcAnchor | KlAnchor, Field(discriminator="kind")]


class ForgettingBudget(Section):
    """How much of the general ability may be lost."""

    max_rise: float = Field(gt=0, le=20, description="allowed rise of the general held-out loss, in nats per token")
    action: Literal["warn", "stop"] = Field("warn", description="what happens when the rise is larger")


DEFAULT_BATCH_SIZE = 32
"""Examples in a step where the recipe states neither examples nor tokens."""


class TrainConfig(Section):
    """How the model is trained. `auto` values are decided from method, data and device, and printed in the plan."""

    rows: Path | None = Field(None, description="training rows to use in place of the curated ones (JSONL of sftctl)")
    held_out: Path | None = Field(None, description="held-out rows that go with `rows`; without them none are watched")
    epochs: float = Field(2.0, gt=0, le=1000, description="passes over the training rows")
    max_steps: int | None = Field(None, ge=1, description="optimizer steps at most, whatever `epochs` says")
    learning_rate: Annotated[float, Field(gt=0, lt=1)] | Literal["auto"] = Field(
        "auto", description="peak learning rate; auto is 2e-5 for full and 2e-4 for adapters"
    )
    batch_size: int | None = Field(
        None, ge=1, le=1_000_000, description="examples in one optimizer step, over all devices; null is 32"
    )
    batch_tokens: int | None = Field(
        None,
        ge=1,
        le=1_000_000_000,
        description="in place of batch_size: tokens of all examples in one optimizer step at most, over all devices",
    )
    micro_batch: Annotated[int, Field(ge=1, le=4096)] | Literal["auto"] = Field(
        "auto", description="examples of max_length that one device holds at once; changes memory only"
    )
    warmup: float = Field(0.05, ge=0, lt=1, description="share of the steps in which the learning rate rises")
    schedule: Literal["cosine", "linear", "constant"] = Field("cosine", description="how the learning rate falls")
    weight_decay: float = Field(0.1, ge=0, lt=1, description="AdamW's decoupled weight decay")
    optimizer: Literal["auto", "adamw", "adamw_8bit_stochastic"] = Field(
        "auto", description="auto: AdamW; for bfloat16 weights torchao's 8-bit AdamW with stochastic rounding"
    )
    max_grad_norm: float = Field(1.0, ge=0, le=1e6, description="gradients are clipped to this norm; 0 does not clip")
    packing: bool | Literal["auto"] = Field(
        "auto", description="several examples in one row without padding; auto packs where a self-test finds it exact"
    )
    gradient_checkpointing: bool | Literal["auto"] = Field(
        "auto", description="recompute activations to save memory; auto is on with CUDA and off on CPU"
    )
    evaluations_per_epoch: float = Field(
        4.0, ge=0, le=1000, description="held-out evaluations in each epoch; 0 is none"
    )
    checkpoints_per_epoch: float = Field(
        4.0, ge=0, le=1000, description="resumable checkpoints in each epoch; 0 is none"
    )
    keep_checkpoints: int = Field(2, ge=1, le=1000, description="newest checkpoints kept, besides the best one")
    early_stopping: EarlyStopping | None = Field(None, description="stop when the held-out loss no longer falls")
    forgetting_budget: ForgettingBudget | None = Field(
        None, description="limit on the rise of the general held-out loss"
    )
    anchor: Anchor | None = Field(None, description="what holds the weights near the base model")
    report_to: tuple[Literal["wandb", "trackio", "tensorboard", "mlflow"], ...] = Field(
        (), description="trackers that also receive the metrics"
    )
    gpu_hour_usd: float | None = Field(None, ge=0, le=1e6, description="price of one device for an hour, in US dollars")
    extra: dict[str, Any] = Field(
        {}, description="further fields of TRL's SFTConfig, from the list at the end of the recipe reference"
    )

    @field_validator("batch_tokens")
    @classmethod
    def _in_place_of_batch_size(cls, value: int | None, others: ValidationInfo) -> int | None:
        if value is not None and others.data.get("batch_size") is not None:
            raise ValueError("it stands in place of `batch_size`, which is set too; remove one of the two")
        return value

    @field_validator("extra")
    @classmethod
    def _extra_undoes_nothing(cls, values: dict[str, Any]) -> dict[str, Any]:
        problems = [problem for problem in map(problem_with, values) if problem]
        if problems:
            raise ValueError("; ".join(problems))
        return values

    @model_validator(mode="after")
    def _held_out_goes_with_rows(self) -> "TrainConfig":
        if self.held_out is not None and self.rows is None:
            raise ValueError("`held_out` goes with `rows`: without `rows` both come from the curated run")
        return self
