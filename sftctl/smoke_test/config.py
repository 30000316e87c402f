"""The recipe's `smoke_test` section: how long to try before the money is spent."""

from pydantic import Field

from sftctl.section import Section


class SmokeTestConfig(Section):
    """A hundred real steps on a sample that holds the longest rows first."""

    steps: int = Field(100, ge=4, le=10_000, description="optimizer steps at most; never more than the full run has")
    stand_in: bool = Field(
        False, description="the model stands in for a larger one, as in CI: what it does not learn fails nothing"
    )
    time_limit_minutes: float = Field(5.0, gt=0, le=1440, description="minutes of training at most")
    probe_rows: int = Field(16, ge=4, le=512, description="training rows whose loss is compared before and after")
    held_out_rows: int = Field(64, ge=4, le=4096, description="held-out rows whose loss is compared before and after")
    answers: int = Field(8, ge=1, le=256, description="held-out prompts that are answered before and after")
    max_new_tokens: int = Field(64, ge=1, le=4096, description="longest answer, in tokens")
