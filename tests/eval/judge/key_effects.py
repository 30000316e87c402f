"""What each key of eval.judge changes in what is asked of the judge, or in what comes of it."""

import os
import time
from pathlib import Path
from typing import Any

from sftctl.data.conversation import Conversation
from sftctl.errors import SftctlError
from sftctl.eval.judge.answering import collect
from sftctl.eval.judge.config import JudgeConfig
from sftctl.eval.judge.contest import Contest, Contests, Task
from sftctl.eval.judge.judging import judge_contests
from sftctl.eval.judge.tasks import choose_tasks
from sftctl.eval.judge.trust import gate_of
from sftctl.run_dir import RunDir
from tests.eval.judge.server import Answer, perfect, serving
from tests.key_effect import KeyEffect

_CONTESTS = Contests(
    tuple(Contest(Task(f"p{i}", (f"Question {i}?",)), ("good",), ("poor",)) for i in range(6)), "held_out", "base"
)
_ROWS = [
    Conversation(f"r{i}", ({"role": "user", "content": f"{i}?"}, {"role": "assistant", "content": "ok"}), "desk")
    for i in range(3)
]


def _judged(folder: Path, answers: Any = perfect, **options: Any) -> Any:
    """The server after a judgement, and its result or the error that ended it."""
    with serving(answers, seconds=options.pop("seconds", 0.0)) as judge:
        config = JudgeConfig.model_validate({"base_url": judge.url, "model": "m", "max_attempts": 1, **options})
        try:
            return judge, judge_contests(config, _CONTESTS, RunDir(folder), 17, {}).result, config
        except SftctlError as error:
            return judge, error, config


def _base_url(value: str, folder: Path) -> Any:
    return str(_judged(folder, base_url=value, concurrency=1)[1]).split(":")[2]


def _key(value: str | None, folder: Path) -> Any:
    os.environ["JUDGE_EFFECT_KEY"] = "sk-1"
    return _judged(folder, api_key_env=value)[0].keys


def _against(value: str, folder: Path) -> Any:
    config = JudgeConfig(base_url="http://localhost/v1", model="m", against=value)
    tasks = [Task("a", ("Why?",), references=("because",))]
    return collect(config, tasks, lambda side, rows: [side] * len(rows)).items[0].opponent


def _tasks(**options: Any) -> Any:
    def observe(value: Any, folder: Path) -> Any:
        (folder / "p.jsonl").write_text('{"prompt": "From a file?"}\n')
        named = {name: value if given is None else given for name, given in options.items()}
        prompts = str(folder / "p.jsonl") if named.get("prompts") == "p.jsonl" else named.get("prompts", "held_out")
        config = JudgeConfig.model_validate(
            {"base_url": "http://localhost/v1", "model": "m", **named, "prompts": prompts}
        )
        return [task.text for task in choose_tasks(config, _ROWS, RunDir(folder), 17)]

    return observe


def _gate(value: float | None, folder: Path) -> Any:
    _, result, config = _judged(folder, min_win_rate=value)
    return gate_of(config, result)


def _half_silent(body: dict[str, Any], number: int) -> Any:
    return "no idea" if "Question 1?" in body["messages"][1]["content"] else perfect(body, number)


def _attempts(value: int, folder: Path) -> Any:
    judge, _, _ = _judged(folder, lambda body, number: Answer(status=500), max_attempts=value, concurrency=1)
    return len(judge.seen)


def _interrupted(value: str, folder: Path) -> Any:
    """Requests of a second start, after one whose last reply a kill has torn."""
    with serving(perfect) as judge:
        config = JudgeConfig.model_validate({"base_url": judge.url, "model": "m", "interrupted": value})
        judge_contests(config, _CONTESTS, RunDir(folder), 17, {})
        journal = RunDir(folder).judgements
        journal.write_bytes(journal.read_bytes()[:-5])
        return judge_contests(config, _CONTESTS, RunDir(folder), 17, {}).result.cost.requests


def _cost(name: str) -> Any:
    def observe(value: float, folder: Path) -> Any:
        prices = {"usd_per_million_input_tokens": 1.0, "usd_per_million_output_tokens": 1.0, name: value}
        return _judged(folder, **prices)[1].cost.usd

    return observe


def _cap(value: float, folder: Path) -> Any:
    prices = {"usd_per_million_input_tokens": 1.0, "usd_per_million_output_tokens": 1.0}
    return type(_judged(folder, max_cost_usd=value, **prices)[1]).__name__


def _slow(body: dict[str, Any], number: int) -> Any:
    time.sleep(0.3)
    return perfect(body, number)


JUDGE_EFFECTS = [
    KeyEffect("eval.judge.base_url", "http://127.0.0.1:9/v1", "http://127.0.0.1:9/v2", _base_url),
    KeyEffect("eval.judge.model", "a", "b", lambda v, folder: _judged(folder, model=v)[0].seen[0]["model"]),
    KeyEffect("eval.judge.api_key_env", None, "JUDGE_EFFECT_KEY", _key),
    KeyEffect("eval.judge.against", "base", "reference", _against),
    KeyEffect("eval.judge.prompts", "held_out", "p.jsonl", _tasks(prompts=None)),
    KeyEffect("eval.judge.max_prompts", 1, 3, _tasks(max_prompts=None)),
    KeyEffect("eval.judge.grade", False, True, lambda v, folder: len(_judged(folder, grade=v)[1].grades)),
    KeyEffect("eval.judge.min_win_rate", None, 0.5, _gate),
    KeyEffect(
        "eval.judge.max_reply_tokens",
        16,
        32,
        lambda v, folder: _judged(folder, max_reply_tokens=v)[0].seen[0]["max_tokens"],
    ),
    KeyEffect(
        "eval.judge.token_limit_field",
        "max_tokens",
        "max_completion_tokens",
        lambda v, folder: sorted(_judged(folder, token_limit_field=v)[0].seen[0]),
    ),
    KeyEffect("eval.judge.temperature", 0, None, lambda v, folder: sorted(_judged(folder, temperature=v)[0].seen[0])),
    KeyEffect(
        "eval.judge.max_unparsed_share",
        0.1,
        0.2,
        lambda v, folder: type(_judged(folder, _half_silent, max_unparsed_share=v)[1]).__name__,
    ),
    KeyEffect(
        "eval.judge.concurrency", 1, 3, lambda v, folder: _judged(folder, concurrency=v, seconds=0.01)[0].busiest
    ),
    KeyEffect(
        "eval.judge.timeout_seconds",
        0.05,
        30,
        lambda v, folder: type(_judged(folder, _slow, timeout_seconds=v, concurrency=40)[1]).__name__,
    ),
    KeyEffect("eval.judge.max_attempts", 1, 2, _attempts),
    KeyEffect("eval.judge.interrupted", "count", "resend", _interrupted),
    KeyEffect("eval.judge.usd_per_million_input_tokens", 1.0, 2.0, _cost("usd_per_million_input_tokens")),
    KeyEffect("eval.judge.usd_per_million_output_tokens", 1.0, 2.0, _cost("usd_per_million_output_tokens")),
    KeyEffect("eval.judge.max_cost_usd", 0.0001, 5.0, _cap),
]
