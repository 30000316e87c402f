"""The recipe's `smoke_test` section: how long to try before the money is spent."""

from pydantic import BaseModel, ConfigDict, Field


class SmokeTestConfig(BaseModel):
    """A hundred real steps on a sample that holds the longest rows first."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    steps: int = Field(100, ge=4, le=10_000, description="optimizer steps at most")
    time_limit_minutes: float = Field(5.0, gt=0, le=1440, description="minutes of training at most")
