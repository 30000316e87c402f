"""What the judge leaves in eval.json: win rate, how far it can be trusted, grades, what it cost, examples."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

Winner = Literal["tuned", "opponent", "tie"]
"""Who is better on a prompt when both orders are taken together."""


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Estimate(_Frozen):
    """A share or a mean with its 95 % interval; null bounds: too few items for one."""

    value: float
    low: float | None
    high: float | None
    items: int


class WinRate(_Frozen):
    """One score a prompt: 1 won, 0.5 even, 0 lost, a quarter between where one order was a tie."""

    rate: Estimate
    standard_error: float | None
    won: int
    even: int
    lost: int
    sign_test_p: float


class Reliability(_Frozen):
    """Whether the verdicts say something about the answers.

    position_bias: (first - second) / (first + second) among verdicts for one side; 1 always names the answer shown
    first. swap_consistency: prompts on which both orders name the same winner. Requests that were refused, or
    interrupted (under way when a run was killed) are in the unparsed share.
    """

    position_bias: float
    swap_consistency: float
    tie_share: float
    unparsed_share: float
    refused: int
    interrupted: int = 0


class SelfTest(_Frozen):
    """The tuned answers against themselves: must come out even."""

    win_rate: float
    ties: int
    verdicts: int


class Canary(_Frozen):
    """Answers that must not win. `fooled` of `verdicts` preferred them; `refused` never reached the judge."""

    name: Literal["injected command", "constant answer"]
    fooled: int
    verdicts: int
    refused: int = 0


class HumanAgreement(_Frozen):
    """Judge and the voters' majority on the same prompts, beside how far voters agree with each other."""

    prompts: int
    agreement: float
    kappa: float
    human_agreement: float | None
    human_kappa: float | None


class Example(_Frozen):
    """One prompt won or lost in both orders, with the judge's words."""

    id: str
    winner: Winner
    prompt: str
    tuned: str
    opponent: str
    reason: str


class Grades(_Frozen):
    """Mean grades (1-10) of one category; the difference is paired by prompt and turn."""

    category: str
    base: float | None
    tuned: float
    difference: Estimate | None
    items: int
    unparsed: int


class Cost(_Frozen):
    """What the replies cost, those of earlier starts included; usd is null where no price was given.

    Every question is among the requests of this start, known from before, or interrupted: under way when an earlier
    start was killed, and not sent again. `usd` holds the most that sends with an unknown end can have cost.
    """

    requests: int
    from_cache: int
    interrupted: int = 0
    input_tokens: int
    output_tokens: int
    usd: float | None


class JudgeResult(_Frozen):
    """All that the judge said. `warnings` name why its answer may not be trusted; then the gate cannot pass."""

    judge: str
    against: str
    prompts: str
    win_rate: WinRate
    length_controlled: Estimate
    length_slope: float
    reliability: Reliability
    self_test: SelfTest
    canaries: tuple[Canary, ...]
    human_agreement: HumanAgreement | None = None
    grades: tuple[Grades, ...] = ()
    cost: Cost
    examples: tuple[Example, ...] = ()
    preferences: int = 0
    warnings: tuple[str, ...] = ()
