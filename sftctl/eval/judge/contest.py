"""What is judged and voted on: a task, and what each side answered to its turns."""

from collections.abc import Sequence
from dataclasses import dataclass

from sftctl.data.conversation import Message


@dataclass(frozen=True)
class Task:
    """Turns that are asked one after the other, behind a given history; one reference a turn, where known."""

    id: str
    turns: tuple[str, ...]
    history: tuple[Message, ...] = ()
    references: tuple[str | None, ...] = ()
    category: str = "all"

    def messages(self, answers: Sequence[str]) -> tuple[Message, ...]:
        """The conversation up to and with the turn that follows the given answers."""
        messages = list(self.history)
        for turn, answer in zip(self.turns, answers, strict=False):
            messages += [Message(role="user", content=turn), Message(role="assistant", content=answer)]
        return (*messages, Message(role="user", content=self.turns[len(answers)]))

    @property
    def text(self) -> str:
        """The turns, for people."""
        return "\n\n".join(self.turns)


@dataclass(frozen=True)
class Contest:
    """One task and the answers of both sides, one to each turn."""

    task: Task
    tuned: tuple[str, ...]
    opponent: tuple[str, ...]


@dataclass(frozen=True)
class Contests:
    """All that is compared. `origin`: held_out, training or the prompts' file; `against`: who the opponent is."""

    items: tuple[Contest, ...]
    origin: str
    against: str
    base: tuple[tuple[str, ...], ...] | None = None
