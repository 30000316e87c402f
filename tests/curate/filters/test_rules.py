"""The list of filters, and how a recipe changes it."""

import subprocess
import sys

import pytest
from pydantic import TypeAdapter, ValidationError

from sftctl.curate.facts import gather_facts
from sftctl.curate.filters.apply import Judgement, apply_filters, share_warnings
from sftctl.curate.filters.loops import Loops
from sftctl.curate.filters.pii import PersonalData
from sftctl.curate.filters.refusal import Refusal
from sftctl.curate.filters.rules import FilterRules, default_rules, merged_rules
from sftctl.errors import RecipeError
from sftctl.recipe import load_recipe
from tests.curate.filters.rows import NO_FACTS, row, words

parse = TypeAdapter(FilterRules).validate_python

DEFAULT_ACTIONS = {
    "empty": "drop",
    "length": "drop",
    "special_tokens": "drop",
    "role_leftovers": "drop",
    "loops": "drop",
    "truncated": "drop",
    "perhaps_truncated": "flag",
    "refusal": "flag",
    "language": "flag",
    "prompt_echo": "flag",
    "format_mismatch": "flag",
    "length_anomaly": "flag",
    "pii": "flag",
}


def test_defaults_are_these():
    assert {rule.rule: rule.action for rule in default_rules()} == DEFAULT_ACTIONS


def test_without_a_list_the_defaults_run_in_their_order():
    assert merged_rules(()) == default_rules()


def test_a_named_filter_changes_and_the_others_stay():
    rules = merged_rules(parse([{"rule": "loops", "action": "flag", "min_repeats": 9}]))
    assert [rule.rule for rule in rules] == list(DEFAULT_ACTIONS)
    assert rules[4] == Loops(action="flag", min_repeats=9)
    assert rules[5:] == default_rules()[5:]


def test_off_removes_a_filter():
    rules = merged_rules(parse([{"rule": "refusal", "action": "off"}]))
    assert [rule.rule for rule in rules] == [name for name in DEFAULT_ACTIONS if name != "refusal"]


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ([{"rule": "loops"}, {"rule": "loops", "action": "off"}], "loops is named before"),
        ([{"rule": "loops", "min_repeat": 3}], "Extra inputs are not permitted"),
        ([{"rule": "no_such_filter"}], "does not match any of the expected tags"),
        ([{"rule": "length", "min_tokens": 9, "max_tokens": 3}], "max_tokens is below min_tokens"),
        ([{"rule": "loops", "action": "redact"}], "'drop', 'flag' or 'off'"),
    ],
)
def test_a_wrong_list_is_refused(rules, message):
    with pytest.raises(ValidationError, match=message):
        parse(rules)


def test_a_filter_named_twice_is_refused_where_it_is_named_again(tmp_path):
    (tmp_path / "recipe.yaml").write_text(
        "name: test\n"
        "model: {path: builtin:tiny}\n"
        "curate:\n"
        "  sources: [{name: domain, path: rows.jsonl}]\n"
        "  filters:\n"
        "    - {rule: loops, min_repeats: 9}\n"
        "    - {rule: pii, action: 'off'}\n"
        "    - {rule: loops, action: 'off'}\n"
    )
    with pytest.raises(RecipeError) as refused:
        load_recipe(str(tmp_path / "recipe.yaml"))
    assert str(refused.value).splitlines()[1:] == [
        f"{tmp_path}/recipe.yaml:8:14: `curate.filters.2.rule`: loops is named before; give a filter one entry",
        "        - {rule: loops, action: 'off'}",
        "                 ^",
    ]


def test_the_first_rule_that_drops_gives_the_reason_and_no_flags():
    judgements = apply_filters([row("Say it.", " ")], default_rules(), gather_facts([row("Say it.", " ")], words))
    assert judgements == [Judgement("drop", "empty_response")]


def test_flags_of_several_rules_are_kept_in_their_order():
    rows = [row("Write to bob@acme-tools.org.", "I'm sorry, I cannot write to bob@acme-tools.org.")]
    assert apply_filters(rows, merged_rules(()), gather_facts(rows, words)) == [
        Judgement("flag", None, ("refusal", "pii_email"))
    ]


def test_redact_keeps_the_row_without_what_was_found():
    rows = [row("Who?", "Ask bob@acme-tools.org."), row("Who?", "Ask Bob.")]
    found, clean = apply_filters(rows, [PersonalData(action="redact")], NO_FACTS)
    assert (found.action, found.flags, found.redacted.response) == ("flag", ("pii_email",), "Ask [EMAIL].")
    assert clean == Judgement("keep")


def test_more_refusals_than_their_share_are_warned_of():
    judgements = (
        [Judgement("flag", None, ("refusal",))] * 2 + [Judgement("keep")] * 8 + [Judgement("drop", "loop_at_end")]
    )
    (sentence,) = share_warnings(judgements, [Refusal(max_share=0.1)])
    assert sentence.startswith("2 of 10 kept rows (20 %) are refusals, more than 10 %")
    assert share_warnings(judgements, [Refusal(max_share=0.2)]) == ()


def test_rules_load_nothing_heavy():
    code = (
        "import sys, sftctl.curate.filters.rules, sftctl.curate.filters.apply\n"
        "heavy = {'torch', 'transformers', 'datasets', 'numpy', 'scipy', 'pandas', 'ftfy', 'trl'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
