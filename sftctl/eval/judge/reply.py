"""What a request to the judge comes to: a reply, or the reason why there is none; and its size in tokens."""

from dataclasses import dataclass
from typing import ClassVar, Literal


@dataclass(frozen=True, slots=True)
class Tokens:
    """What the judge read and wrote in one request."""

    input: int
    output: int


@dataclass(frozen=True, slots=True)
class JudgeReply:
    """What the judge wrote, and what it read and wrote in tokens. `whole`: it ended by itself, not at a limit."""

    text: str
    whole: bool
    input_tokens: int
    output_tokens: int

    @property
    def tokens(self) -> Tokens:
        return Tokens(self.input_tokens, self.output_tokens)


@dataclass(frozen=True, slots=True)
class NoReply:
    """`refused`: the server does not take this request; `interrupted`: it was under way when its run was killed."""

    why: Literal["refused", "interrupted"]
    text: ClassVar[str] = ""
    """Holds no verdict and no grade."""
