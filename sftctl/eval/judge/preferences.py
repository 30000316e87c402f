"""Verdicts and votes as preference pairs for the next training: preferences.jsonl in TRL's conversational columns."""

import hashlib
import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sftctl.data.conversation import Conversation, Message
from sftctl.eval.judge.contest import Contest, Contests
from sftctl.eval.judge.result import Winner
from sftctl.run_dir import write_text

_TEST_SHARE = 0.1


@dataclass(frozen=True)
class Preference:
    """One pair. `by`: who preferred it."""

    contest: Contest
    winner: Winner
    by: Literal["judge", "people"]


def preferences(
    contests: Contests,
    judged: Mapping[str, float],
    votes: Mapping[str, Sequence[Winner]],
    held_out_prompts: Set[str],
) -> list[Preference]:
    """Prompts that people decided by a majority, else those that the judge gave to one side in both orders.

    `judged` are scores by prompt. Never from held-out prompts: they would stop being held out. Only tasks of one turn:
    TRL's pairs share their prompt, and a second turn stands behind each side's own first answer.
    """
    if contests.origin == "held_out":
        return []
    found = []
    for contest in contests.items:
        task = contest.task
        if len(task.turns) > 1 or normalised(task.turns[-1]) in held_out_prompts or contest.tuned == contest.opponent:
            continue
        winner = _by_people(votes.get(task.id, ()))
        score = judged.get(task.id)
        if winner is not None:
            found.append(Preference(contest, winner, "people"))
        elif score in (0.0, 1.0) and not votes.get(task.id):
            found.append(Preference(contest, "tuned" if score else "opponent", "judge"))
    return found


def _by_people(votes: Sequence[Winner]) -> Winner | None:
    """The side with more than half of the votes; None for a tie or no votes."""
    sides: tuple[Winner, ...] = ("tuned", "opponent")
    return next((side for side in sides if 2 * list(votes).count(side) > len(votes)), None)


def prompts_of(rows: Sequence[Conversation]) -> frozenset[str]:
    """Every user turn of these rows, in the form in which they are compared."""
    return frozenset(
        normalised(message["content"]) for row in rows for message in row.messages if message["role"] == "user"
    )


def normalised(text: str) -> str:
    """Letter case and spacing do not make another prompt."""
    return " ".join(text.lower().split())


def to_row(preference: Preference) -> dict[str, Any]:
    """`prompt`, `chosen` and `rejected` as lists of messages; the split depends on the prompt alone."""
    contest = preference.contest
    sides = (contest.tuned[0], contest.opponent[0])
    chosen, rejected = sides if preference.winner == "tuned" else sides[::-1]
    digest = hashlib.sha256(normalised(contest.task.turns[0]).encode("utf-8", "surrogatepass")).digest()
    return {
        "prompt": list(contest.task.messages(())),
        "chosen": [Message(role="assistant", content=chosen)],
        "rejected": [Message(role="assistant", content=rejected)],
        "split": "test" if int.from_bytes(digest[:4]) / 2**32 < _TEST_SHARE else "train",
        "by": preference.by,
    }


def write_preferences(found: Sequence[Preference], path: Path) -> None:
    """One pair a line."""
    write_text(path, "".join(json.dumps(to_row(each), ensure_ascii=False) + "\n" for each in found))
