"""What training leaves behind in logs/train.json, and one line of logs/metrics.jsonl."""

from typing import Literal

from pydantic import BaseModel, ConfigDict


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class HeldOutLoss(_Record):
    """Nats per trained token on the held-out rows at one step; step 0 is before training."""

    step: int
    epoch: float
    loss: float
    by_role: dict[str, float] = {}
    by_source: dict[str, float] = {}


class Advice(_Record):
    """Where recipe and data disagree: what, why, and what to change."""

    what: str
    why: str
    change: str


class Plan(_Record):
    """What a run will do, known before the first step."""

    method: str
    device: str
    processes: int
    weights: str
    optimizer: Literal["adamw", "adamw_8bit_stochastic"] = "adamw"
    rows: int
    held_out_rows: int
    trained_tokens: int
    total_tokens: int
    max_length: int
    longest: int
    packing: bool
    epochs: float
    steps: int
    max_steps: int | None = None
    steps_per_epoch: int
    batch_size: int
    """Examples in a step; on average where the recipe states tokens."""
    batch_tokens: int | None = None
    micro_batches_per_step: int
    micro_batch_tokens: int
    micro_batch_reason: str = ""
    learning_rate: float
    gradient_checkpointing: bool
    parameters: int = 0
    trainable_parameters: int = 0
    memory_bytes: dict[str, int] = {}
    advice: tuple[Advice, ...] = ()

    @property
    def ended_by_max_steps(self) -> bool:
        """Whether `max_steps` ends the run before its epochs do: these are then not what to change."""
        return self.steps == self.max_steps

    @property
    def few_steps(self) -> bool:
        """Whether a warm-up and a decay have hardly any room."""
        return self.steps < 20

    @property
    def way_to_more_steps(self) -> str:
        """What to change in the recipe."""
        if self.ended_by_max_steps:
            return "raise train.max_steps"
        batch = "batch_size" if self.batch_tokens is None else "batch_tokens"
        return f"lower train.{batch}, raise train.epochs, or add rows"

    @property
    def tokens_per_step(self) -> float:
        """On average, on all devices."""
        return self.total_tokens / self.steps_per_epoch

    @property
    def tokens_held(self) -> float:
        """What one device holds at once, on average; may be less than the limit, `micro_batch_tokens`."""
        return self.tokens_per_step / self.micro_batches_per_step / self.processes

    @property
    def fill(self) -> float:
        """Tokens held at once on average, as a share of the limit."""
        return min(1.0, self.tokens_held / self.micro_batch_tokens)


class Overfitting(_Record):
    """The gap between train and held-out loss over the run, and what to do about it."""

    gap: float
    gap_slope_per_epoch: float
    turned_at_step: int | None
    fall_in_second_half: float | None = None
    sentence: str

    @property
    def still_falling(self) -> bool | None:
        """Whether the second half of the steps took a tenth off the held-out loss; None with too few measurements."""
        return None if self.fall_in_second_half is None else self.fall_in_second_half >= 0.1


class Forgetting(_Record):
    """What happened to the general held-out loss."""

    before: float
    after: float
    worst: float
    budget: float | None = None
    exceeded_at_step: int | None = None


class ReloadCheck(_Record):
    """The saved model, read back from disk, beside the live one."""

    max_logit_difference: float
    tolerance: float
    rows: int
    stopped: int
    generations: int


class Expected(_Record):
    """What the smoke test expected of this run."""

    seconds: float
    peak_memory_bytes: float
    cost_usd: float | None = None


class TrainResult(_Record):
    """The whole file."""

    schema_version: Literal[1] = 1
    outcome: Literal["finished", "stopped_early", "budget_stopped"]
    plan: Plan
    steps_done: int
    chosen_step: int
    resumed_from_step: int | None = None
    train_loss: float
    held_out: tuple[HeldOutLoss, ...] = ()
    best_held_out_loss: float | None = None
    overfitting: Overfitting | None = None
    forgetting: Forgetting | None = None
    spikes: tuple[int, ...] = ()
    seconds: float
    seconds_per_step: float
    tokens_per_second: float
    fill: float
    peak_memory_bytes: int
    cost_usd: float | None = None
    forecast: Expected | None = None
    reload: ReloadCheck | None = None
    saved_as: Literal["merged", "adapter", "full"]
    dropped_rows: dict[str, int] = {}
