"""Behaviours: what each check counts, and what it refuses."""

import pytest
from pydantic import TypeAdapter, ValidationError

from sftctl.eval.behaviours import Answer, Behaviour
from sftctl.eval.config import EvalConfig

_READ = TypeAdapter(Behaviour)


def _score(options: dict, text: str, *, reference: str | None = None, prompt: str = "What is the fee?"):
    behaviour = _READ.validate_python({"id": "it", **options})
    meets = lambda value, schema: isinstance(value, dict) and set(schema.get("required", ())) <= set(value)  # noqa: E731
    return behaviour.score(Answer(text=text, prompt=prompt, reference=reference, tags=(), meets_schema=meets))


@pytest.mark.parametrize(
    ("options", "text", "expected"),
    [
        ({"check": "must_match", "pattern": r"\b30 days\b"}, "Within 30 days.", 1.0),
        ({"check": "must_match", "pattern": "days", "ignore_case": False}, "30 DAYS", 0.0),
        ({"check": "must_not_match", "pattern": "don't know"}, "I don’t know.", 1.0),
        ({"check": "contains", "any_of": ["a", "b"]}, "xbx", 1.0),
        ({"check": "contains", "all_of": ["a", "b"]}, "xbx", 0.0),
        ({"check": "starts_with", "any_of": ["It's"]}, "  It’s 5", 1.0),
        ({"check": "length", "min_words": 2, "max_words": 3}, "one two three", 1.0),
        ({"check": "length", "min_words": 2, "max_words": 3}, "one two three four", 0.0),
        ({"check": "is_json"}, '```json\n{"a": 1}\n```', 1.0),
        ({"check": "is_json"}, 'Here: {"a": 1}', 0.0),
        ({"check": "is_json"}, "[" * 100_000, 0.0),
        ({"check": "is_json", "json_schema": {"required": ["a"]}}, '{"b": 1}', 0.0),
        ({"check": "is_code"}, "Try:\n```python\nx = 1\n```\n", 1.0),
        ({"check": "is_code"}, "```python\nx = = 1\n```", 0.0),
        ({"check": "is_code"}, "", 0.0),
    ],
)
def test_check_counts_an_answer(options, text, expected):
    assert _score(options, text) == expected


@pytest.mark.parametrize(
    ("answer", "reference", "expected"),
    [
        ("It is $1234.5.", "The fee is 1,234.50 dollars.", 1.0),
        ("0.12 of it", "12%", 1.0),
        ("twelve", "12 percent", 0.0),
        ("2.5 million", "2,500,000", 1.0),
        ("−3", "-3", 1.0),
        ("It costs 5.", "It is free.", None),
        ("1. First\n2. Then pay 7", "7", 1.0),
    ],
)
def test_numbers_match_by_value(answer, reference, expected):
    assert _score({"check": "numbers_match"}, answer, reference=reference) == expected


def test_similarity_needs_a_reference():
    assert _score({"check": "f1"}, "a cat sat") is None
    assert _score({"check": "f1"}, "The cat sat.", reference="a cat sat") == 1.0
    assert _score({"check": "exact_match"}, "The  Cat!", reference="cat") == 1.0


def test_must_not_match_lets_nothing_through_by_default():
    behaviour = _READ.validate_python({"id": "no-url", "check": "must_not_match", "pattern": "http"})
    assert (behaviour.wanted, behaviour.max_rate) == (False, 0.0)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"id": "x"}, "needs `preset`, or `check`"),
        ({"id": "x", "check": "must_match", "pattern": "("}, "not a regular expression"),
        ({"id": "x", "preset": "apologies"}, "apology"),
        ({"id": "x", "preset": "apology", "max_rate": 2}, "less than or equal to 1"),
        ({"id": "x", "preset": "apology", "max_rate": 0.1, "min_rate": 0.2}, "no rate meets both"),
        ({"id": "x", "check": "contains"}, "give any_of or all_of"),
    ],
)
def test_a_wrong_behaviour_is_refused_in_words(options, says):
    with pytest.raises(ValidationError, match=says.replace("(", r"\(")):
        EvalConfig.model_validate({"behaviours": [options]})


def test_two_behaviours_of_one_id_are_refused():
    with pytest.raises(ValidationError, match="used twice"):
        EvalConfig.model_validate({"behaviours": [{"id": "a", "preset": "loop"}, {"id": "a", "preset": "apology"}]})
