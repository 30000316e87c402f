"""One list of chat markers: what reading refuses, a filter finds; what ends a turn, repair takes off."""

import pytest

from sftctl.curate.filters.special_tokens import SpecialTokens
from sftctl.curate.repair import repair
from sftctl.data.chat_markers import (
    CONTROL_TOKENS,
    NAMED_BOUNDS,
    ROLE_TOKENS,
    TEXT_BOUNDS,
    TURN_ENDS,
    any_of,
)
from sftctl.data.ingest import ingest
from sftctl.pattern import Pattern
from tests.curate.filters.rows import reason, row
from tests.data.test_ingest import write


@pytest.mark.parametrize("token", CONTROL_TOKENS)
def test_a_control_token_is_refused_in_a_prompt_and_found_inside_a_response(token, tmp_path):
    asked = write(
        tmp_path / "a.jsonl", {"prompt": f"a {token} b", "completion": "c"}, {"prompt": "a", "completion": "b"}
    )
    assert len(ingest([asked], max_bad_fraction=0.5).rejected) == 1
    assert reason(SpecialTokens(), "Hi", f"Paris.{token}Rome.") == "special_token_inside"


@pytest.mark.parametrize("token", [*TEXT_BOUNDS, *TURN_ENDS, *ROLE_TOKENS, *NAMED_BOUNDS])
def test_what_bounds_a_turn_is_taken_off_both_ends(token):
    repaired = repair(row("Hi", f"{token}Paris.\n{token}"))
    assert (repaired.conversation.response, repaired.repairs) == ("Paris.", ("special_token",))


@pytest.mark.parametrize("token", ["<s>", "</s>", *NAMED_BOUNDS])
def test_names_of_tokens_inside_a_text_are_left(token):
    told = row(f"What is {token} for?", f"Use {token} there.")
    assert repair(told).conversation is told
    assert reason(SpecialTokens(), told.prompt, told.response) is None


def test_longest_token_wins_and_none_matches_nothing():
    assert Pattern(any_of(["<|a|>", "<|a|>b", "[x"])).findall("<|a|>b [x <|a|> a") == ["<|a|>b", "[x", "<|a|>"]
    assert Pattern(any_of(["", ""])).search("anything") is None
