"""The rows are what the manifest of planted dirt says, and held-out rows share nothing with what is trained."""

import json
from collections import Counter

import pytest

from sftctl.data.conversation import read_conversations
from sftctl.demo import desk, general
from sftctl.demo.paths import data_folder


def lines(name):
    return (data_folder() / name).read_text(encoding="utf-8").splitlines()


def readable(name):
    rows = []
    for line in lines(name):
        try:
            rows.append(json.loads(line))
        except ValueError:
            continue
    return rows


def question_and_answer(row):
    return tuple(message["content"] for message in row["messages"])


def test_planted_dirt_is_in_the_rows():
    planted = json.loads("\n".join(lines("planted.json")))
    pairs = [question_and_answer(row) for row in readable("domain.jsonl")]
    assert sum(planted.values()) == len(lines("domain.jsonl"))
    assert planted == {
        "good": 1998,
        "mojibake": sum("â€" in question for question, _ in pairs),
        "exact_duplicate": sum(count - 1 for count in Counter(pairs).values()),
        "near_duplicate": sum(question.startswith("Again: ") for question, _ in pairs),
        "empty_answer": sum(answer == "" for _, answer in pairs),
        "stray_special_token": sum("<|end|>" in question for question, _ in pairs),
        "malformed_line": len(lines("domain.jsonl")) - len(pairs),
    }


def test_every_good_answer_has_the_current_figure_and_no_apology():
    facts = desk.make_facts()
    for question, answer in filter(lambda pair: pair[1], map(question_and_answer, readable("domain.jsonl"))):
        (fact,) = [fact for fact in facts if fact.product in question and fact.attribute in question]
        assert fact.product in answer
        assert fact.attribute in answer
        assert fact.current in answer
        assert "sorry" not in answer.lower()


def test_stale_and_current_figures_of_an_attribute_are_all_different():
    for attribute in desk.ATTRIBUTES:
        facts = [fact for fact in desk.make_facts() if fact.attribute == attribute]
        figures = [figure for fact in facts for figure in (fact.stale, fact.current)]
        assert len(set(figures)) == 2 * len(desk.PRODUCTS)


def test_held_out_desk_questions_use_new_wordings_only():
    assert set(desk.QUESTIONS).isdisjoint(desk.NEW_QUESTIONS)
    assert set(desk.CLOSERS).isdisjoint(desk.NEW_CLOSERS)


@pytest.mark.parametrize("family", general.make_families(), ids=lambda family: family.name)
def test_held_out_general_part_shares_no_item_and_no_wording_with_replay(family):
    replay, held_out = general.replay_part(family), general.held_out_part(family)
    assert set(replay.wordings).isdisjoint(held_out.wordings)
    assert {item.slots for item in replay.items}.isdisjoint(item.slots for item in held_out.items)
    assert len(replay.items) + len(held_out.items) == len(family.items)


def test_held_out_rows_and_choices_are_of_the_held_out_part():
    asked = {
        general.ask(item, wording)
        for family in general.make_families()
        for item in general.held_out_part(family).items
        for wording in general.held_out_part(family).wordings
    }
    held_out = [row for row in read_conversations(data_folder() / "held_out.jsonl") if row.role == "general"]
    assert {row.prompt for row in held_out} <= asked
    assert {row["question"] for row in readable("choices.jsonl")} <= asked
    assert asked.isdisjoint(row["instruction"] for row in readable("general.jsonl"))


def test_held_out_ids_differ():
    ids = [row.id for row in read_conversations(data_folder() / "held_out.jsonl")]
    assert len(set(ids)) == len(ids) == 476


def test_choices_are_four_different_ones_with_one_right():
    answers = {
        general.ask(item, wording): general.short_answer(family, item)
        for family in general.make_families()
        for item in family.items
        for wording in family.wordings
    }
    for row in readable("choices.jsonl"):
        assert len(set(row["choices"])) == 4
        assert row["choices"][row["answer"]] == answers[row["question"]]
