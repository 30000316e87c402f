"""The files that eval reads, to be looked into before a training: a fault in one is told an hour earlier."""

from collections.abc import Iterator
from functools import partial

from sftctl.data.first_look import MOST_ROWS, FileCheck, look_at_file
from sftctl.eval.benchmark_items import read_items
from sftctl.eval.benchmarks import LmEval
from sftctl.eval.config import EvalConfig
from sftctl.eval.engines.answers_file import read_finished
from sftctl.eval.engines.config import AnswersEngine
from sftctl.eval.judge.answering import read_answers
from sftctl.eval.judge.tasks import read_tasks


def file_checks(config: EvalConfig) -> Iterator[FileCheck]:
    """Every file that the section names, under its key there, with what reads its first rows as eval will."""
    if config.held_out is not None:
        yield FileCheck(("held_out",), config.held_out, look_at_file)
    for index, task in enumerate(config.benchmarks.tasks):
        if isinstance(task, LmEval):
            continue
        place = ("benchmarks", "tasks", index)
        yield FileCheck((*place, "path"), task.path, partial(read_items, task, split="", most_rows=MOST_ROWS))
        if task.shots is not None and task.shots.path is not None:
            read_shots = partial(read_items, task, split="", most_rows=MOST_ROWS)
            yield FileCheck((*place, "shots", "path"), task.shots.path, read_shots)
    yield from _answers(config)


def _answers(config: EvalConfig) -> Iterator[FileCheck]:
    answers = partial(read_answers, most_rows=MOST_ROWS)
    if isinstance(config.engine, AnswersEngine):
        finished = partial(read_finished, most_rows=MOST_ROWS)
        if config.engine.base is not None:
            yield FileCheck(("engine", "base"), config.engine.base, finished)
        yield FileCheck(("engine", "tuned"), config.engine.tuned, finished)
    if config.judge is not None:
        if config.judge.prompts not in ("held_out", "training"):
            yield FileCheck(("judge", "prompts"), config.judge.prompts, partial(read_tasks, most_rows=MOST_ROWS))
        if config.judge.against not in ("base", "reference"):
            yield FileCheck(("judge", "against"), config.judge.against, answers)
    for index, contender in enumerate(config.arena.contenders if config.arena is not None else ()):
        yield FileCheck(("arena", "contenders", index, "answers"), contender.answers, answers)
