import math

import pytest

from sftctl.data.conversation import Conversation
from sftctl.model.config import ModelConfig
from sftctl.model.loading import generation_stop_ids, load_tokenizer
from sftctl.model.response_losses import response_losses
from sftctl.tokenization.config import DataConfig
from sftctl.tokenization.prepare import prepare_tokenizer

ANSWER = "The fee is 3 crowns."


def row(name, *turns):
    return Conversation(name, tuple({"role": role, "content": text} for role, text in turns), source="desk")


@pytest.fixture(scope="module")
def losses():
    model, data = ModelConfig(path="builtin:tiny"), DataConfig(max_length=64)
    prepared = prepare_tokenizer(load_tokenizer(model), data, generation_stop_ids=generation_stop_ids(model))
    return response_losses(model, prepared, data)


def test_only_the_last_response_is_scored_and_a_row_too_long_is_not_a_number(losses):
    question = ("user", "What is the fee?")
    one, again, two_turns, too_long = losses(
        [
            row("a", question, ("assistant", ANSWER)),
            row("b", question, ("assistant", ANSWER)),
            row("c", question, ("assistant", "Which one?"), ("user", "The card."), ("assistant", ANSWER)),
            row("d", question, ("assistant", ANSWER * 50)),
        ]
    )
    assert one == pytest.approx(again, abs=1e-5)
    assert one != two_turns
    assert math.isnan(too_long)
    assert math.isfinite(two_turns)


def test_plain_text_is_scored_whole_in_pieces(losses):
    (value,) = losses([row("a", ("document", ANSWER * 50))])
    assert 0 < value < 20
