"""Which prompts are judged, and what both sides answer to their turns."""

import gzip
import json
import os
from pathlib import Path

import pytest

from sftctl.data.conversation import Conversation
from sftctl.errors import DataUnusable
from sftctl.eval.judge.answering import collect, read_answers
from sftctl.eval.judge.config import JudgeConfig
from sftctl.eval.judge.contest import Task
from sftctl.eval.judge.tasks import choose_tasks
from sftctl.run_dir import RunDir


def config(**options):
    return JudgeConfig.model_validate({"base_url": "http://localhost/v1", "model": "m", **options})


def row(*turns, id="r", source="desk", role="domain"):
    roles = ("user", "assistant")
    messages = tuple({"role": roles[i % 2], "content": text} for i, text in enumerate(turns))
    return Conversation(id, messages, source, role)


def echo(side, rows):
    """Answers that hold the whole conversation before them."""
    return [f"{side}({'|'.join(m['content'] for m in row.messages[:-1])})" for row in rows]


def test_a_held_out_row_asks_its_last_user_turn_behind_what_came_before():
    rows = [row("Hi", "Hello", "Fee?", "It is 5."), row("No response yet", id="s")]
    tasks = choose_tasks(config(), rows, RunDir(Path("nowhere")), 17)
    assert [(task.turns, [turn["content"] for turn in task.history], task.references) for task in tasks] == [
        (("Fee?",), ["Hi", "Hello"], ("It is 5.",))
    ]


@pytest.mark.parametrize(
    ("line", "turns", "references"),
    [
        ({"prompt": "Why?", "reference": "So."}, ("Why?",), ("So.",)),
        ({"question": "Why?", "answer": "So."}, ("Why?",), ("So.",)),
        ({"turns": ["1+1?", "Double it."], "reference": ["2", "4"]}, ("1+1?", "Double it."), ("2", "4")),
        ({"turns": ["a", "b"]}, ("a", "b"), (None, None)),
        ({"messages": [{"role": "user", "content": "Why?"}]}, ("Why?",), (None,)),
    ],
)
def test_a_file_of_prompts_is_read_in_each_of_its_forms(line, turns, references, tmp_path):
    path = tmp_path / "p.jsonl"
    path.write_text(json.dumps(line) + "\n")
    (task,) = choose_tasks(config(prompts=str(path)), [], RunDir(tmp_path), 17)
    assert (task.turns, task.references) == (turns, references)


def test_a_second_turn_stands_behind_each_sides_own_first_answer():
    contests = collect(config(), [Task("m", ("One.", "Two."))], echo)
    (contest,) = contests.items
    assert contest.tuned == ("tuned(One.)", "tuned(One.|tuned(One.)|Two.)")
    assert contest.opponent == ("base(One.)", "base(One.|base(One.)|Two.)")


def test_the_opponent_may_be_the_reference_or_a_file_and_tasks_without_both_are_left_out(tmp_path):
    tasks = [Task("a", ("One.",), references=("ref",)), Task("b", ("Two.",))]
    against_reference = collect(config(against="reference"), tasks, echo)
    assert [(c.task.id, c.opponent) for c in against_reference.items] == [("a", ("ref",))]
    path = tmp_path / "answers.jsonl"
    path.write_text('{"id": "b", "answer": "by id"}\n{"prompt": "One.", "answer": ["by prompt"]}\n')
    against_file = collect(config(against=str(path)), tasks, echo)
    assert [c.opponent for c in against_file.items] == [("by prompt",), ("by id",)]


def test_mt_benchs_own_files_of_questions_and_answers_meet_by_question_id(tmp_path):
    questions, answers = tmp_path / "question.jsonl", tmp_path / "vicuna-13b.jsonl"
    questions.write_text(
        '{"question_id": 81, "category": "writing", "turns": ["One.", "Two."]}\n'
        '{"question_id": 101, "category": "math", "turns": ["1+1?", "Double it."], "reference": ["2", "4"]}\n'
    )
    answers.write_text(
        '{"question_id": 101, "model_id": "v", "choices": [{"index": 0, "turns": ["It is 2.", "4"]}], "tstamp": 1.5}\n'
        '{"question_id": 81, "model_id": "v", "choices": [{"index": 0, "turns": ["A", "B"]}], "tstamp": 1.5}\n'
    )
    options = config(prompts=str(questions), against=str(answers))
    contests = collect(options, choose_tasks(options, [], RunDir(tmp_path), 17), echo)
    assert [(c.task.id, c.task.references, c.opponent) for c in contests.items] == [
        ("81", (None, None), ("A", "B")),
        ("101", ("2", "4"), ("It is 2.", "4")),
    ]


@pytest.mark.parametrize("choices", [[], [{}], "x", [{"turns": []}]])
def test_a_file_of_answers_without_answers_is_refused(choices, tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"question_id": 81, "choices": choices}))
    with pytest.raises(DataUnusable, match="row 1 needs one of"):
        read_answers(str(path))


@pytest.mark.skipif("SFTCTL_TEST_DATA" not in os.environ, reason="SFTCTL_TEST_DATA is not set")
def test_mt_bench_is_eighty_tasks_of_two_turns_in_eight_categories(tmp_path):
    source = Path(os.environ["SFTCTL_TEST_DATA"]) / "data" / "judge" / "mt_bench_question.jsonl.gz"
    tasks = choose_tasks(config(prompts=str(source)), [], RunDir(tmp_path), 17)
    with gzip.open(source, "rt") as file:
        assert [task.turns for task in tasks] == [tuple(json.loads(line)["turns"]) for line in file]
    assert {len(task.turns) for task in tasks} == {2}
    few = choose_tasks(config(prompts=str(source), max_prompts=16), [], RunDir(tmp_path), 17)
    assert sorted(task.category for task in few) == sorted(
        [task.category for task in tasks if task.id.endswith("1")] * 2
    )
