"""No key of the recipe is dead: each has a row with two values and what then differs in what a stage does."""

import importlib
from pathlib import Path

import pytest

from sftctl.recipe import Recipe
from sftctl.recipe_keys import all_keys
from tests.key_effect import KeyEffect

TABLES = [
    importlib.import_module(f"tests.{path.parent.name}.key_effects")
    for path in sorted(Path(__file__).parent.glob("*/key_effects.py"))
]
EFFECTS: list[KeyEffect] = [effect for table in TABLES for effect in table.KEY_EFFECTS]


def test_every_key_has_a_row_and_every_row_a_key():
    keys, rows = set(all_keys(Recipe)), {effect.key for effect in EFFECTS}
    assert (sorted(keys - rows), sorted(rows - keys)) == ([], [])


@pytest.mark.parametrize("effect", EFFECTS, ids=lambda effect: effect.key)
def test_two_values_of_a_key_differ_in_what_a_stage_does(effect, tmp_path):
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    one = effect.observe(effect.one, tmp_path / "one")
    other = effect.observe(effect.other, tmp_path / "other")
    assert one != other
