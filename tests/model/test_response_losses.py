import math

import pytest

from sftctl.data.conversation import Conversation
from sftctl.model.config import ModelConfig
from sftctl.model.loading import load_model
from sftctl.model.response_losses import ResponseLosses
from sftctl.model.scoring import score_rows, token_weighted
from sftctl.model.settings import generation_stop_ids
from sftctl.model.tokenizer import load_tokenizer
from sftctl.tokenization.config import DataConfig
from sftctl.tokenization.dataset import encode_dataset
from sftctl.tokenization.prepare import prepare_tokenizer

ANSWER = "The fee is 3 crowns."


def row(name, *turns):
    return Conversation(name, tuple({"role": role, "content": text} for role, text in turns), source="desk")


@pytest.fixture(scope="module")
def losses():
    model, data = ModelConfig(path="builtin:tiny"), DataConfig(max_length=64)
    prepared = prepare_tokenizer(load_tokenizer(model), data, generation_stop_ids=generation_stop_ids(model))
    return ResponseLosses(model, prepared, data)


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


def test_plain_text_is_scored_whole_in_pieces():
    model, data = ModelConfig(path="builtin:tiny"), DataConfig(max_length=64, train_on="all_tokens")
    prepared = prepare_tokenizer(load_tokenizer(model), data)
    text = row("a", ("document", ANSWER * 50))
    pieces = encode_dataset([text], prepared, data, model_max_length=64).rows
    expected = token_weighted(score_rows(load_model(model), pieces, pad_token_id=prepared.pad_token_id))
    assert len(pieces) == 6
    assert ResponseLosses(model, prepared, data)([text]) == pytest.approx([expected], abs=1e-5)


def test_rows_of_which_none_can_be_encoded_are_not_numbers(losses):
    assert all(map(math.isnan, losses([row("d", ("user", "What is it?"), ("assistant", ANSWER * 50))])))


def test_the_identity_follows_what_decides_a_loss_and_nothing_else(losses):
    model, data = ModelConfig(path="builtin:tiny"), DataConfig(max_length=64)
    prepared = prepare_tokenizer(load_tokenizer(model), data, generation_stop_ids=generation_stop_ids(model))
    assert (
        ResponseLosses(model, prepared, DataConfig(max_length=64, max_dropped_fraction=0.5)).identity == losses.identity
    )
    assert ResponseLosses(model, prepared, DataConfig(max_length=32)).identity != losses.identity
    in_bfloat16 = ModelConfig(path="builtin:tiny", dtype="bfloat16")
    assert ResponseLosses(in_bfloat16, prepared, data).identity != losses.identity
