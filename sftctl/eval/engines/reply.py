"""What every engine gives: replies to questions, for one side."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from sftctl.eval.prompts import Question


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer. `stopped`: it ended by itself, not at the limit of tokens."""

    text: str
    stopped: bool


KeepReplies = Callable[[Mapping[int, Reply | None]], None]
"""Takes replies by the number of their question, and has them on disk when it returns; safe from any thread."""


class Engine(Protocol):
    """Answers for one side at a time."""

    def identity(self, side: Literal["base", "tuned"]) -> str | None:
        """What a stored reply depends on besides its question; None where the engine has no such side."""
        ...

    def answer(self, side: Literal["base", "tuned"], questions: Sequence[Question], keep: KeepReplies) -> None:
        """Hand over one reply each as soon as it is there, None where the engine has none for this question."""
        ...
