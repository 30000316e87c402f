from sftctl.data.conversation import Conversation
from sftctl.model.config import ModelConfig
from sftctl.tokenization.config import DataConfig
from sftctl.train.inputs import encode_inputs


def row(name, answer):
    messages = ({"role": "user", "content": "What is the fee?"}, {"role": "assistant", "content": answer})
    return Conversation(name, messages, source="desk")


def test_a_held_out_row_longer_than_every_training_row_is_watched_whole():
    short, long = row("short", "Three crowns."), row("long", "Three crowns a month. " * 20)
    inputs = encode_inputs(ModelConfig(path="builtin:tiny"), DataConfig(), [short], [long], {})
    assert [watched.id for watched in inputs.held_out] == ["long"]
    assert len(inputs.held_out[0].input_ids) > inputs.training.max_length
