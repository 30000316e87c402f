"""What each key of eval.arena changes on the page, in its key or in the gates."""

import json
from pathlib import Path
from typing import Any

from sftctl.data.conversation import Conversation
from sftctl.eval.answers import AnswerPair
from sftctl.eval.config import EvalConfig
from sftctl.eval.engines.reply import Reply
from sftctl.eval.measured import Measured
from sftctl.eval.preferred import ask_who_is_preferred, set_up
from sftctl.eval.prompts import Question
from sftctl.eval.result import Side
from sftctl.run_dir import RunDir
from tests.key_effect import KeyEffect

_ROWS = [
    Conversation(f"r{i}", ({"role": "user", "content": f"{i}?"}, {"role": "assistant", "content": "ok"}), "desk")
    for i in range(8)
]


def _arena(folder: Path, **options: Any) -> tuple[Measured, dict[str, Any]]:
    """What was measured with an arena, and the key of its page."""
    config = EvalConfig.model_validate({"arena": options})
    pairs = [AnswerPair(Question(row, None), Reply("left", True), Reply("right", True)) for row in _ROWS]
    measured = Measured(base=Side(path="b", fingerprint="b"), tuned=Side(path="t", fingerprint="t"), pairs=pairs)
    ask_who_is_preferred(set_up(config, RunDir(folder), 17, _ROWS, None), measured)
    return measured, json.loads(RunDir(folder).arena_key.read_text())


def _contender(key: str) -> Any:
    def observe(value: str, folder: Path) -> Any:
        for name in ("one", "other"):
            lines = [json.dumps({"id": row.id, "answer": name}) for row in _ROWS]
            (folder / f"{name}.jsonl").write_text("\n".join(lines))
        options = {"name": "third", "answers": "one.jsonl", key: value}
        options["answers"] = str(folder / options["answers"])
        _, document = _arena(folder, contenders=[options])
        page = RunDir(folder).arena.read_text()
        return document["models"], '"other"' in page

    return observe


ARENA_EFFECTS = [
    KeyEffect("eval.arena.prompts", 3, 5, lambda v, folder: len(_arena(folder, prompts=v, repeat_share=0)[1]["items"])),
    KeyEffect("eval.arena.repeat_share", 0.0, 0.5, lambda v, folder: len(_arena(folder, repeat_share=v)[1]["items"])),
    KeyEffect("eval.arena.contenders.name", "third", "fourth", _contender("name")),
    KeyEffect("eval.arena.contenders.answers", "one.jsonl", "other.jsonl", _contender("answers")),
    KeyEffect(
        "eval.arena.min_win_rate",
        None,
        0.5,
        lambda v, folder: [item.name for item in _arena(folder, min_win_rate=v)[0].missing],
    ),
]
