"""What a recipe model knows about its keys."""

import pytest

from sftctl.recipe import Recipe
from sftctl.recipe_keys import key_hint


@pytest.mark.parametrize(
    ("words", "key"),
    [
        (["--epochs", "3"], "train.epochs=3"),
        (["--learning-rate=1e-5"], "train.learning_rate=1e-5"),
        (["--lr", "1e-5"], "train.learning_rate=1e-5"),
        (["--train.epoch", "3"], "train.epochs=3"),
        (["--max-length", "--quiet"], "data.max_length=VALUE"),
        (["--model", "org/name"], "model.path=org/name"),
        (["--seed"], "seed=VALUE"),
        (["--batchsize", "8"], "train.batch_size=8"),
        (["--lora-r", "8"], "model.lora.r=8"),
        (["--share", "0.3"], None),
        (["--blub"], None),
    ],
)
def test_an_option_that_was_meant_for_a_key_is_told_how_to_be_written(words, key):
    hint = key_hint(["sftctl", "train", *words], words[0].partition("=")[0], Recipe, guess=True)
    assert hint == ("" if key is None else f"Keys of the recipe are given without dashes: {key}")


def test_letters_that_were_run_together_are_no_key():
    assert key_hint(["sftctl", "train", "-lr"], "-l", Recipe, guess=True) == ""


def test_where_an_option_is_near_a_key_is_not_guessed():
    words = ["sftctl", "train", "--overwrit"]
    assert key_hint(words, "--overwrit", Recipe, guess=False) == ""
