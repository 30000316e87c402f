"""Finished answers from files, matched to the held-out rows by id, else by prompt."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from sftctl.data.read import read_values
from sftctl.errors import DataUnusable
from sftctl.eval.engines.config import AnswersEngine
from sftctl.eval.engines.reply import KeepReplies, Reply
from sftctl.eval.prompts import Question
from sftctl.manifest import hash_path

_PROMPTS = ("prompt", "instruction", "question", "input")
_ANSWERS = ("answer", "output", "response", "completion", "text")


class FileAnswers:
    """One file a side."""

    def __init__(self, config: AnswersEngine) -> None:
        self._paths: dict[str, str | None] = {"base": config.base, "tuned": config.tuned}
        self._answers = {side: read_finished(path) for side, path in self._paths.items() if path is not None}

    def identity(self, side: Literal["base", "tuned"]) -> str | None:
        path = self._paths[side]
        return None if path is None else f"answers {hash_path(Path(path))}"

    def answer(self, side: Literal["base", "tuned"], questions: Sequence[Question], keep: KeepReplies) -> None:
        answers = self._answers[side]
        found = [answers.get(question.row.id, answers.get(question.text.strip())) for question in questions]
        keep({number: None if text is None else Reply(text, True) for number, text in enumerate(found)})


def read_finished(path: str, *, most_rows: int | None = None) -> dict[str, str]:
    """Answers (of the first rows) by id and by prompt. Raises DataUnusable for a row without either, or no answer."""
    answers: dict[str, str] = {}
    for number, row in enumerate(read_values(path, most_rows=most_rows), start=1):
        answer = _first(row, _ANSWERS)
        prompt = _first(row, _PROMPTS)
        if answer is None or (prompt is None and not isinstance(row.get("id"), str)):
            raise DataUnusable(
                f"{path}: row {number} needs an `id` or one of {', '.join(_PROMPTS)}, and one of {', '.join(_ANSWERS)}."
            )
        if isinstance(row.get("id"), str):
            answers[row["id"]] = answer
        if prompt is not None:
            answers.setdefault(prompt.strip(), answer)
    return answers


def _first(row: Mapping[str, Any], names: Sequence[str]) -> str | None:
    return next((row[name] for name in names if isinstance(row.get(name), str)), None)
