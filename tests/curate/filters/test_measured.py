"""Filters against rows that were labelled by reading, before the rules were last changed. Needs SFTCTL_TEST_DATA.

Labels: 262 rows for loops (all that an early rule dropped and 120 that a looser one would have), 400 for refusals
(330 with a suspicious word at the start, 70 without), 210 answers of gpt4, gpt-4o and claude-3-opus and 327 of other
models for truncation (100 and 170 of them chosen for not ending in a full stop).
"""

from collections import Counter

import pytest

from sftctl.curate.facts import gather_facts
from sftctl.curate.filters.apply import apply_filters
from sftctl.curate.filters.loops import Loops
from sftctl.curate.filters.refusal import Refusal
from sftctl.curate.filters.rules import merged_rules
from sftctl.curate.filters.truncation import PerhapsTruncated, Truncated
from sftctl.curate.repair import repair
from tests.curate.filters.rows import NO_FACTS, answers, labelled, real_rows, words

STRONG_MODELS = {"gpt4", "gpt-4o-2024-05-13", "claude-3-opus-20240229"}


@pytest.fixture(scope="module")
def all_answers():
    return answers()


def outcomes(rule, pairs):
    return Counter((label, rule.judge(conversation, NO_FACTS) is not None) for conversation, label in pairs)


def test_dropped_loops_are_loops(all_answers):
    found = outcomes(Loops(), labelled("loops.json", all_answers))
    assert found["loop", True] / (found["loop", True] + found["fine", True]) >= 0.95
    assert found["loop", True] / (found["loop", True] + found["loop", False]) >= 0.75
    assert found.total() >= 200


def test_refusals_are_found(all_answers):
    found = outcomes(Refusal(), labelled("refusals.json", all_answers))
    assert found["refusal", True] / (found["refusal", True] + found["refusal", False]) >= 0.9
    assert found["hedge", True] / (found["hedge", True] + found["hedge", False]) >= 0.85
    assert found["fine", True] / (found["fine", True] + found["fine", False]) <= 0.05
    assert found.total() >= 200


def test_rows_dropped_as_truncated_are_truncated(all_answers):
    found = outcomes(Truncated(), labelled("truncation_other_models.json", all_answers))
    assert found["fine", True] == 0
    assert found["truncated", True] >= 20


def test_truncated_rows_are_dropped_flagged_or_loops(all_answers):
    rules = (Truncated(), PerhapsTruncated(), Loops())
    pairs = labelled("truncation_other_models.json", all_answers)
    found = Counter((label, any(rule.judge(each, NO_FACTS) for rule in rules)) for each, label in pairs)
    assert found["truncated", True] / (found["truncated", True] + found["truncated", False]) >= 0.85
    assert found["fine", True] / (found["fine", True] + found["fine", False]) <= 0.05


def test_strong_models_are_hardly_ever_called_truncated(all_answers):
    strong = [each for each in all_answers if each.extra["generator"] in STRONG_MODELS]
    flagged = [each for each in strong if any(rule.judge(each, NO_FACTS) for rule in (Truncated(), PerhapsTruncated()))]
    assert len(strong) == 2415
    assert len(flagged) <= 0.02 * len(strong)
    labels = Counter(label for _, label in labelled("truncation_strong_models.json", all_answers))
    assert labels == {"fine": 210}


def kept(rows):
    rows = [repair(each).conversation for each in rows]
    facts = gather_facts(rows, words)
    judgements = apply_filters(rows, merged_rules(()), facts)
    return sum(judgement.action != "drop" for judgement in judgements) / len(rows)


@pytest.mark.parametrize("name", ["gsm8k_test.jsonl.gz", pytest.param("gsm8k_train.jsonl.gz", marks=pytest.mark.slow)])
def test_every_worked_sum_is_kept(name):
    assert kept(real_rows(name, ("question",), "answer")) == 1


@pytest.mark.parametrize(
    ("name", "response"),
    [
        ("codealpaca_new.jsonl.gz", "output"),
        pytest.param("gpteacher_codegen.jsonl.gz", "response", marks=pytest.mark.slow),
    ],
)
def test_code_is_kept(name, response):
    assert kept(real_rows(name, ("instruction", "input"), response)) >= 0.99


@pytest.mark.slow
def test_all_stray_tokens_of_t0_are_repaired_and_its_rows_kept():
    rows = real_rows("t0.jsonl.gz", ("prompt",), "completion")
    repaired = [repair(each) for each in rows]
    assert sum("special_token" in each.repairs for each in repaired) == 48_410
    assert not any("<|endoftext|>" in turn["content"] for each in repaired for turn in each.conversation.messages)
    assert all(
        each.conversation.response == before.response.removesuffix("<|endoftext|>").rstrip()
        for before, each in zip(rows, repaired, strict=True)
        if each.repairs == ("special_token",)
    )
    assert kept(rows) >= 0.95
