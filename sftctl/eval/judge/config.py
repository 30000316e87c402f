"""The recipe's eval.judge section: who judges, what is compared, what it may cost, and what must hold."""

from typing import Literal, Self

from pydantic import Field, model_validator

from sftctl.section import Section


class JudgeConfig(Section):
    """A model behind OpenAI's chat completions compares the tuned model's answers with others, blind, both ways."""

    base_url: str = Field(
        pattern=r"^https?://[^@\s]+$",
        description="address that ends before /chat/completions, such as https://api.example.com/v1",
    )
    model: str = Field(min_length=1, description="the server's name of the judge")
    api_key_env: str | None = Field(
        None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", description="environment variable with the key"
    )
    against: str = Field("base", min_length=1, description="opponent: base, reference, or a file of answers")
    prompts: str = Field(
        "held_out", min_length=1, description="held_out, training, or a file of prompts (turns, prompt or messages)"
    )
    max_prompts: int = Field(200, ge=1, le=100_000, description="prompts that are judged, each in both orders")
    grade: bool = Field(False, description="also grade both sides' answers from 1 to 10, per category")
    min_win_rate: float | None = Field(
        None, gt=0, lt=1, description="gate: the win rate's interval must lie above this; 0.5: better than the opponent"
    )
    max_reply_tokens: int = Field(1024, ge=16, le=32768, description="longest reply of the judge, in tokens")
    token_limit_field: Literal["max_tokens", "max_completion_tokens"] = Field(
        "max_tokens", description="the request's name for that limit; some models take max_completion_tokens only"
    )
    temperature: float | None = Field(
        0, ge=0, le=2, description="0: the likeliest words; null: not sent, for models that take only their own"
    )
    max_unparsed_share: float = Field(
        0.1, ge=0, le=1, description="more replies without a verdict than this end with exit 8"
    )
    concurrency: int = Field(8, ge=1, le=256, description="requests at once")
    timeout_seconds: float = Field(120, gt=0, le=3600, description="for one request")
    max_attempts: int = Field(6, ge=1, le=100, description="tries of one request that fails for a passing reason")
    interrupted: Literal["count", "resend"] = Field(
        "count",
        description="requests under way when a run was killed: count them as paid and without verdict, or send again",
    )
    usd_per_million_input_tokens: float | None = Field(None, ge=0, description="the judge's price for what it reads")
    usd_per_million_output_tokens: float | None = Field(None, ge=0, description="the judge's price for what it writes")
    max_cost_usd: float | None = Field(None, gt=0, description="spend no more than this on judging in this run")

    @model_validator(mode="after")
    def _prices_for_a_cap(self) -> Self:
        prices = (self.usd_per_million_input_tokens, self.usd_per_million_output_tokens)
        if self.max_cost_usd is not None and None in prices:
            raise ValueError(
                "max_cost_usd needs the prices: set usd_per_million_input_tokens and usd_per_million_output_tokens"
            )
        return self
