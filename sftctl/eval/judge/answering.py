"""What both sides answer to the tasks, turn by turn: a second turn follows each side's own first answer."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

from sftctl.data.conversation import Conversation, Message
from sftctl.data.read import read_values
from sftctl.errors import DataUnusable, MissingInput
from sftctl.eval.judge.config import JudgeConfig
from sftctl.eval.judge.contest import Contest, Contests, Task

Answers = tuple[str, ...]
SideName = Literal["base", "tuned"]

_NAMES = ("id", "question_id", "prompt", "question", "instruction", "input")
_ANSWERS = ("answer", "answers", "output", "response", "completion", "text")


class Ask(Protocol):
    """One side's replies to the last user turn of each row, None where it has none."""

    def __call__(self, side: SideName, rows: Sequence[Conversation]) -> list[str | None]: ...


def collect(config: JudgeConfig, tasks: Sequence[Task], ask: Ask) -> Contests:
    """Answers of both sides; a task that one side cannot answer is left out."""
    tuned = answer_turns("tuned", tasks, ask)
    base = answer_turns("base", tasks, ask) if config.against == "base" or config.grade else [None] * len(tasks)
    opponents = _opponents(config.against, tasks, base)
    items, before = [], []
    for task, mine, theirs, from_base in zip(tasks, tuned, opponents, base, strict=True):
        if mine is not None and theirs is not None and (from_base is not None or not config.grade):
            items.append(Contest(task, mine, theirs))
            before.append(from_base or ())
    return Contests(tuple(items), config.prompts, config.against, tuple(before) if config.grade else None)


def answer_turns(side: SideName, tasks: Sequence[Task], ask: Ask) -> list[Answers | None]:
    """All first turns, then all second ones; None for a task with a turn that was not answered."""
    answers: list[Answers | None] = [()] * len(tasks)
    for turn in range(max((len(task.turns) for task in tasks), default=0)):
        open_now = [i for i, task in enumerate(tasks) if len(task.turns) > turn and answers[i] is not None]
        replies = ask(side, [_row(tasks[i], answers[i] or ()) for i in open_now])
        for i, reply in zip(open_now, replies, strict=True):
            answers[i] = None if reply is None else (*(answers[i] or ()), reply)
    return answers


def _row(task: Task, given: Answers) -> Conversation:
    """The conversation so far; its last turn, which nobody reads, is the reference where there is one."""
    reference = task.references[len(given)] if len(given) < len(task.references) else None
    messages = (*task.messages(given), Message(role="assistant", content=reference or "-"))
    return Conversation(id=task.id if not given else f"{task.id}+{len(given)}", messages=messages, source="judge")


def _opponents(against: str, tasks: Sequence[Task], base: Sequence[Answers | None]) -> list[Answers | None]:
    if against == "base":
        return list(base)
    if against == "reference":
        return [_whole(task.references, task) for task in tasks]
    stored = read_answers(against)
    return [_whole(stored.get(task.id, stored.get(task.turns[0].strip(), ())), task) for task in tasks]


def _whole(texts: Sequence[str | None], task: Task) -> Answers | None:
    """None unless there is one text for each turn."""
    present = tuple(text for text in texts if text)
    return present[: len(task.turns)] if len(present) >= len(task.turns) else None


def read_answers(path: str, *, most_rows: int | None = None) -> dict[str, Answers]:
    """A file's answers (of its first rows) by id and by prompt; `answer` is a text, or a list with one for each turn.

    MT-Bench's files of answers are read too: question_id, and choices[0].turns.
    """
    if not Path(path).exists():
        raise MissingInput(f"eval.judge.against: there is no file {path}. It is base, reference, or a file of answers.")
    stored: dict[str, Answers] = {}
    for number, row in enumerate(read_values(path, most_rows=most_rows), start=1):
        answer = next((row[name] for name in _ANSWERS if row.get(name)), None) or _first_choice(row)
        names = [str(row[name]).strip() for name in _NAMES if row.get(name) is not None]
        if not answer or not names:
            raise DataUnusable(f"{path}: row {number} needs one of {', '.join(_NAMES)}, and an `answer`.")
        for name in names:
            stored[name] = _texts(answer)
    return stored


def _first_choice(row: Mapping[str, Any]) -> Any:
    match row.get("choices"):
        case [{"turns": turns}, *_]:
            return turns
    return None


def _texts(answer: Any) -> Answers:
    if isinstance(answer, Mapping):
        raise DataUnusable("an answer is a text or a list of texts, not a mapping")
    return tuple(map(str, answer)) if isinstance(answer, list) else (str(answer),)
