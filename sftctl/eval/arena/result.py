"""What the arena leaves in eval.json: how many voted, who won, and how far voters agree."""

from pydantic import BaseModel, ConfigDict

from sftctl.eval.judge.result import Estimate, WinRate


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Strength(_Frozen):
    """Bradley-Terry strength of one model as the chance to beat an average one, with its interval over prompts."""

    model: str
    chance: Estimate


class Voter(_Frozen):
    """One person. self_consistency: repeats with the same winner; side_bias: (left - right) / (left + right)."""

    name: str
    votes: int
    repeats: int
    self_consistency: float | None
    side_bias: float | None


class Agreement(_Frozen):
    """Between voters on the prompts they share; cohen_kappa is the mean over pairs of voters."""

    voters: int
    prompts: int
    cohen_kappa: float | None
    fleiss_kappa: float | None


class Comment(_Frozen):
    """What a voter wrote on a prompt, and which model they preferred (null: a tie, or both bad)."""

    prompt: str
    voter: str
    preferred: str | None
    text: str


class ArenaResult(_Frozen):
    """`win_rate` is tuned against base; null until someone voted."""

    arena: str
    page: str
    comparisons: int
    models: tuple[str, ...]
    votes: int = 0
    both_bad_share: float | None = None
    win_rate: WinRate | None = None
    side_bias: float | None = None
    voters: tuple[Voter, ...] = ()
    agreement: Agreement | None = None
    strengths: tuple[Strength, ...] = ()
    comments: tuple[Comment, ...] = ()
