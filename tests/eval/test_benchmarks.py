"""Benchmark formats: rows to prompts and choices."""

import pytest
from pydantic import TypeAdapter, ValidationError

from sftctl.eval.benchmarks import Benchmark, Item

_READ = TypeAdapter(Benchmark)


def _item(options: dict, row: dict) -> Item:
    return _READ.validate_python({"id": "it", "path": "x.jsonl", **options}).item(row)


def test_mmlu_lists_lettered_choices():
    row = {"question": " Which? ", "choices": ["x", "y"], "answer": 1, "subject": "abstract_algebra"}
    assert _item({"format": "mmlu"}, row) == Item(
        "The following are multiple choice questions (with answers) about abstract algebra.\n\n"
        "Which?\nA. x\nB. y\nAnswer:",
        (" A", " B"),
        (0, 1),
        "abstract_algebra",
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
