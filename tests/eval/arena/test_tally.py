"""Ballots, votes and strengths, by hand where a hand can."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sftctl.errors import DataUnusable, MissingInput
from sftctl.eval.arena.ballot import Entry, make_ballot
from sftctl.eval.arena.bradley_terry import Match, strengths
from sftctl.eval.arena.votes import Sheet, Vote, keep, kept, merge, read_sheets
from sftctl.eval.judge.contest import Task


def ballot(count, models=("base", "tuned"), repeat_share=0.0, seed=17):
    entries = [Entry(Task(f"r{i}", (f"{i}?",)), {name: (f"{name} {i}",) for name in models}) for i in range(count)]
    return make_ballot(entries, models, repeat_share=repeat_share, seed=seed)


@settings(max_examples=30, deadline=None)
@given(count=st.integers(1, 40), share=st.floats(0, 1), seed=st.integers(0, 5), three=st.booleans())
def test_a_ballot_shows_every_prompt_once_and_repeats_with_sides_swapped(count, share, seed, three):
    models = ("base", "tuned", "third") if three else ("base", "tuned")
    made = ballot(count, models, share, seed)
    assert made == ballot(count, models, share, seed)
    items = made.key.items
    assert len(items) == len(made.comparisons) == count + round(share * count)
    first = {identity: item for identity, item in items.items() if item.repeats is None}
    assert sorted(item.prompt for item in first.values()) == sorted(f"r{i}" for i in range(count))
    for item in items.values():
        if item.repeats is not None:
            shown = first[item.repeats]
            assert (item.prompt, item.left, item.right) == (shown.prompt, shown.right, shown.left)
    for comparison in made.comparisons:
        item = items[comparison.id]
        number = item.prompt[1:]
        assert (comparison.left, comparison.right) == ((f"{item.left} {number}",), (f"{item.right} {number}",))


def test_sides_are_shuffled_and_pairs_of_three_models_come_equally_often():
    sides = [item.left for item in ballot(400).key.items.values()]
    assert 160 < sides.count("tuned") < 240
    pairs = [frozenset((item.left, item.right)) for item in ballot(300, ("a", "b", "c")).key.items.values()]
    assert [pairs.count(frozenset(pair)) for pair in ("ab", "ac", "bc")] == [100, 100, 100]


def test_two_models_with_three_wins_to_one_differ_by_the_logarithm_of_three():
    outcomes = [Match(f"p{i}", "a", "b", 1.0 if i % 4 else 0.0) for i in range(400)]
    best, other = strengths(outcomes, ("a", "b"), seed=1, resamples=100)
    # log(3) lies between them, half of it on each side of 0; the ridge moves it by less than 1e-3.
    assert (best.model, best.chance) == ("a", pytest.approx(1 / (1 + math.sqrt(1 / 3)), abs=1e-3))
    assert other.chance == pytest.approx(1 - best.chance)
    assert best.interval.low < best.chance < best.interval.high
    assert other.interval.high < 0.5


def test_a_model_that_always_wins_has_a_finite_strength():
    outcomes = [Match(f"p{i}", "a", "b", 1.0) for i in range(10)]
    assert 0.9 < strengths(outcomes, ("a", "b"), seed=1)[0].chance < 1


def test_sheets_are_kept_and_a_later_export_of_a_voter_replaces_the_earlier(tmp_path):
    key = ballot(2).key
    first, second = key.items
    early = Sheet(arena=key.arena, voter="Ann", votes=(Vote(item=first, choice="tie"),))
    late = Sheet(
        arena=key.arena, voter="Ann", votes=(Vote(item=first, choice="left"), Vote(item=second, choice="right"))
    )
    other = Sheet(arena=key.arena, voter="Bob", votes=())
    keep(merge([early], [other, late], key), tmp_path / "votes.jsonl")
    assert kept(tmp_path / "votes.jsonl") == [late, other]
    assert merge([Sheet(arena="old page", voter="Eve", votes=())], [other], key) == [other]


def test_votes_are_read_from_a_file_a_list_lines_or_a_folder(tmp_path):
    sheets = [{"arena": "a", "voter": name, "votes": []} for name in ("Ann", "Bob")]
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "1.json").write_text(json.dumps(sheets[0], indent=1))
    (tmp_path / "one" / "2.json").write_text(json.dumps(sheets[1]))
    (tmp_path / "list.json").write_text(json.dumps(sheets))
    (tmp_path / "lines.jsonl").write_text("".join(json.dumps(sheet) + "\n" for sheet in sheets))
    for name in ("one", "list.json", "lines.jsonl"):
        assert [sheet.voter for sheet in read_sheets(tmp_path / name)] == ["Ann", "Bob"]
    with pytest.raises(MissingInput, match=r"Export the votes from arena\.html first"):
        read_sheets(tmp_path / "none.json")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataUnusable, match="no votes in it"):
        read_sheets(tmp_path / "empty")
