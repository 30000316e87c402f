"""No option of a filter is dead."""

import pytest
from pydantic import BaseModel

from sftctl.curate.filters.rules import default_rules
from tests.curate.filters.filter_effects import FILTER_EFFECTS


@pytest.mark.parametrize("effect", FILTER_EFFECTS, ids=lambda effect: effect.key)
def test_two_values_give_two_judgements(effect, tmp_path):
    assert effect.observe(effect.one, tmp_path) != effect.observe(effect.other, tmp_path)


def test_every_option_has_its_row():
    def options(rule: BaseModel) -> set[str]:
        return set(type(rule).model_fields) - {"rule", "action"}

    keys = {f"curate.filters.{rule.rule}.{option}" for rule in default_rules() for option in options(rule)}
    assert keys == {effect.key for effect in FILTER_EFFECTS} - {"curate.filters.loops.action"}
