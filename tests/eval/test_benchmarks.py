"""Benchmark formats: rows to prompts and choices."""

import json

import pytest
from pydantic import TypeAdapter, ValidationError

from sftctl.errors import DataUnusable
from sftctl.eval.benchmark_runs import OpenTask
from sftctl.eval.benchmark_scores import read_sample
from sftctl.eval.benchmarks import Benchmark, Item

_READ = TypeAdapter(Benchmark)


def _item(options: dict, row: dict) -> Item:
    return _READ.validate_python({"id": "it", "path": "x.jsonl", **options}).item(row)


def test_mmlu_lists_lettered_choices():
    row = {"question": " Which? ", "choices": ["x", "y"], "answer": 1, "subject": "abstract_algebra"}
    assert _item({"format": "mmlu"}, row) == Item(
        "Which?\nA. x\nB. y\nAnswer:",
        (" A", " B"),
        (0, 1),
        "abstract_algebra",
        "The following are multiple choice questions (with answers) about abstract algebra.\n\n",
    )


def _mmlu_file(path, questions):
    rows = [
        {"question": name, "choices": ["x", "y"], "answer": number % 2, "subject": subject}
        for number, (name, subject) in enumerate(questions)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def test_shots_are_the_first_of_the_questions_own_group_with_their_answers(tmp_path):
    asked = _mmlu_file(tmp_path / "test.jsonl", [("Q1", "law"), ("Q2", "art")])
    solved = _mmlu_file(tmp_path / "dev.jsonl", [("A", "art"), ("L", "law"), ("M", "law"), ("B", "art"), ("N", "law")])
    task = _READ.validate_python({"id": "mmlu", "path": asked, "shots": {"path": solved, "count": 2}})
    assert {each.item.group: each.item.prompt for each in read_sample(task, 1).items} == {
        "law": "The following are multiple choice questions (with answers) about law.\n\n"
        "L\nA. x\nB. y\nAnswer: B\n\nM\nA. x\nB. y\nAnswer: A\n\nQ1\nA. x\nB. y\nAnswer:",
        "art": "The following are multiple choice questions (with answers) about art.\n\n"
        "A\nA. x\nB. y\nAnswer: A\n\nB\nA. x\nB. y\nAnswer: B\n\nQ2\nA. x\nB. y\nAnswer:",
    }
    assert OpenTask(read_sample(task, 1)).metric == "acc, 2-shot"


def test_a_question_is_never_its_own_example(tmp_path):
    path = _mmlu_file(tmp_path / "test.jsonl", [("Q1", "law"), ("Q2", "law"), ("Q3", "law")])
    task = _READ.validate_python({"id": "mmlu", "path": path, "shots": {"count": 1}})
    prompts = [each.item.prompt.partition("\n\n")[2].split("\n")[0] for each in read_sample(task, 1).items]
    assert sorted(prompts) == ["Q1", "Q1", "Q2"]


def test_a_question_that_its_file_holds_twice_still_has_all_its_examples(tmp_path):
    path = _mmlu_file(tmp_path / "test.jsonl", [("Q1", "law"), ("Q2", "law"), ("Q1", "law"), ("Q4", "law")])
    task = _READ.validate_python({"id": "mmlu", "path": path, "shots": {"count": 2}})
    prompts = [each.item.prompt for each in read_sample(task, 1).items]
    assert sum("Q2\nA" in prompt and "Q4\nA" in prompt and "Q1\nA" in prompt for prompt in prompts) == 3


def test_too_few_examples_of_a_group_are_named(tmp_path):
    asked = _mmlu_file(tmp_path / "test.jsonl", [("Q1", "law"), ("Q2", "art")])
    solved = _mmlu_file(tmp_path / "dev.jsonl", [("L", "law"), ("M", "law")])
    task = _READ.validate_python({"id": "mmlu", "path": asked, "shots": {"path": solved, "count": 2}})
    with pytest.raises(DataUnusable) as refused:
        read_sample(task, 1)
    assert str(refused.value) == (
        f"eval.benchmarks: mmlu: {solved} has 0 solved examples of art where shots.count asks for 2. "
        "Lower it, or add examples."
    )


def test_hellaswag_spells_endings_out():
    assert _item({"format": "hellaswag"}, {"query": "He", "endings": ["runs.", "is."], "label": "0"}) == Item(
        "He", (" runs.", " is."), (1, 0)
    )


@pytest.mark.parametrize(("metric", "labels"), [("mc1", (1, 0)), ("mc2", (1, 1, 0))])
def test_truthfulqa_has_two_measures(metric, labels):
    row = {
        "question": "Why?",
        "mc1_targets": {"choices": ["a", "b"], "labels": [1, 0]},
        "mc2_targets": {"choices": ["a", "c", "b"], "labels": [1, 1, 0]},
    }
    item = _item({"format": "truthfulqa", "metric": metric}, row)
    assert (item.prompt, item.labels) == ("Q: Why?\nA:", labels)


@pytest.mark.parametrize("answer", [1, "1", "B", "b", "two"])
def test_answer_may_be_index_letter_or_text(answer):
    row = {"q": "One?", "o": ["one", "two"], "a": answer}
    fields = {"question": "q", "choices": "o", "answer": "a"}
    item = _item({"format": "multiple_choice", "fields": fields, "style": "letters"}, row)
    assert item == Item("One?\nA. one\nB. two\nAnswer:", (" A", " B"), (0, 1))


@pytest.mark.parametrize(("choices", "answer"), [(["a"], 0), (["a", "b"], 2), (["a", "b"], "C"), (["a", "b"], None)])
def test_an_item_that_cannot_be_scored_is_refused(choices, answer):
    with pytest.raises(ValueError, match=r"choice|answer"):
        _item({"format": "mmlu"}, {"question": "?", "choices": choices, "answer": answer})


def test_an_empty_ending_is_refused():
    with pytest.raises(ValueError, match="empty choice"):
        _item({"format": "hellaswag"}, {"query": "He", "endings": ["", "is."], "label": 1})


def test_the_id_names_the_format_where_none_is_given():
    assert _READ.validate_python({"id": "hellaswag", "path": "x"}).metric == "acc_norm"
    assert _READ.validate_python({"id": "ours", "path": "x"}).format == "multiple_choice"
    with pytest.raises(ValidationError, match="format is one of"):
        _READ.validate_python({"id": "ours", "path": "x", "format": "ours"})
