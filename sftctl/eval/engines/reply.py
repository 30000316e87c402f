"""What every engine gives: replies to questions, for one side."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from sftctl.eval.prompts import Question


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer. `stopped`: it ended by itself, not at the limit of tokens."""

    text: str
    stopped: bool


class Engine(Protocol):
    """Answers for one side at a time, `at_once` questions a call."""

    at_once: int

    def identity(self, side: Literal["base", "tuned"]) -> str | None:
        """What a stored reply depends on besides its question; None where the engine has no such side."""
        ...

    def replies(self, side: Literal["base", "tuned"], questions: Sequence[Question]) -> list[Reply | None]:
        """One reply each, None where the engine has none for this question."""
        ...
