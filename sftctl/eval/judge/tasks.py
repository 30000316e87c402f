"""Which prompts are judged: held-out rows, training rows, or a file (MT-Bench's form, prompts, conversations)."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sftctl.data.conversation import Conversation, Message, read_conversations
from sftctl.data.read import read_values
from sftctl.errors import DataUnusable, MissingInput
from sftctl.eval.judge.config import JudgeConfig
from sftctl.eval.judge.contest import Task
from sftctl.eval.prompts import stratified
from sftctl.manifest import hash_value
from sftctl.run_dir import RunDir

_PROMPTS = ("prompt", "question", "instruction", "input")
_REFERENCES = ("reference", "answer", "output", "response")


def choose_tasks(config: JudgeConfig, held_out: Sequence[Conversation], run_dir: RunDir, seed: int) -> list[Task]:
    """At most `max_prompts`, spread over categories, the same ones for a seed. Raises MissingInput, DataUnusable."""
    if config.prompts == "held_out":
        tasks = tasks_of(held_out)
    elif config.prompts == "training":
        if not run_dir.training_rows.exists():
            raise MissingInput(
                f"{run_dir.training_rows}: eval.judge.prompts is `training` and there are no training rows. "
                "Run `sftctl curate` with this recipe first."
            )
        tasks = tasks_of(read_conversations(run_dir.training_rows))
    else:
        tasks = read_tasks(config.prompts)
    return stratified(tasks, config.max_prompts, seed, stratum=lambda task: task.category, name=lambda task: task.id)


def tasks_of(rows: Iterable[Conversation]) -> list[Task]:
    """One task a row: its last user turn behind all before; rows without such a turn and a response are left out."""
    return [
        task_of(row)
        for row in rows
        if len(row.messages) >= 2 and row.messages[-1]["role"] == "assistant" and row.messages[-2]["role"] == "user"
    ]


def task_of(row: Conversation) -> Task:
    """The last user turn is asked, the last response is its reference."""
    return Task(
        id=row.id,
        turns=(row.messages[-2]["content"],),
        history=tuple(row.messages[:-2]),
        references=(row.response,),
        category=row.role,
    )


def read_tasks(path: str, *, most_rows: int | None = None) -> list[Task]:
    """The prompts of a file, or of its first rows. Raises MissingInput, and DataUnusable for a row without any."""
    if not Path(path).exists():
        raise MissingInput(f"eval.judge.prompts: there is no file {path}. It is held_out, training, or a file.")
    tasks = {}
    for number, row in enumerate(read_values(path, most_rows=most_rows), start=1):
        try:
            task = _task_of_values(row)
        except (AttributeError, KeyError, TypeError):  # messages that are none
            task = None
        if task is None:
            raise DataUnusable(f"{path}: row {number} needs `turns`, `messages`, or one of {', '.join(_PROMPTS)}.")
        tasks[task.id] = task
    return list(tasks.values())


def _task_of_values(row: Mapping[str, Any]) -> Task | None:
    """None where no prompt can be found."""
    turns, history, references = _turns(row), _history(row), _references(row)
    if not turns:
        return None
    named = row.get("id", row.get("question_id"))
    return Task(
        id=str(named) if named is not None else hash_value([turns, history])[:16],
        turns=turns,
        history=history,
        references=(*references, *[None] * len(turns))[: len(turns)],
        category=str(row.get("category", "all")),
    )


def _turns(row: Mapping[str, Any]) -> tuple[str, ...]:
    if isinstance(row.get("turns"), list):
        return tuple(str(turn) for turn in row["turns"])
    if asked := [turn for turn in _messages(row) if turn["role"] == "user"]:
        return (asked[-1]["content"],)
    return tuple(row[name] for name in _PROMPTS if isinstance(row.get(name), str) and row[name])[:1]


def _history(row: Mapping[str, Any]) -> tuple[Message, ...]:
    messages = _messages(row)
    last = max((i for i, turn in enumerate(messages) if turn["role"] == "user"), default=0)
    return tuple(messages[:last])


def _references(row: Mapping[str, Any]) -> tuple[str | None, ...]:
    messages = _messages(row)
    if messages and messages[-1]["role"] == "assistant":
        return (messages[-1]["content"],)
    found = next((row[name] for name in _REFERENCES if row.get(name)), None)
    if isinstance(found, list):
        return tuple(None if text is None else str(text) for text in found)
    return (str(found),) if found is not None else ()


def _messages(row: Mapping[str, Any]) -> list[Message]:
    messages = row.get("messages")
    if not isinstance(messages, list):
        return []
    return [Message(role=turn["role"], content=str(turn.get("content") or "")) for turn in messages]
