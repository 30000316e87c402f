"""The loss mask on chat templates of the kinds in use: exact, or refused where the shape says that it may be."""

from typing import Any

import pytest
from transformers import PreTrainedTokenizerFast

from sftctl.tokenization.batch import BatchEncoder
from sftctl.tokenization.encode import Encoded, encode_conversation
from sftctl.tokenization.refusal import MaskRefused
from sftctl.tokenization.rows import NOT_TRAINED
from tests.tokenization.cases import CONVERSATIONS, TOOLS
from tests.tokenization.hard_shapes import HARD_SHAPES
from tests.tokenization.kinds import KINDS, tokenizer
from tests.tokenization.oracle import bracketed, trained_positions
from tests.tokenization.shapes import SHAPES, Shape

ALL = {**SHAPES, **HARD_SHAPES}


def _tools(name: str) -> list[dict] | None:
    return TOOLS if any(message.get("tool_calls") for message in CONVERSATIONS[name]) else None


def _check(shape: Shape, kind: str) -> None:
    tok = tokenizer(kind, template=shape.template, bos=shape.bos, eos=shape.eos)
    for name, messages in CONVERSATIONS.items():
        truth = bracketed(shape, tok, messages, _tools(name))
        options = {"tools": _tools(name), "stop_tokens": shape.stops}
        if truth is None:
            with pytest.raises(MaskRefused) as raised:
                encode_conversation(messages, tok, **options)
            assert raised.value.reason == "template_error", name
            continue
        try:
            encoded = encode_conversation(messages, tok, allow_missing_eot=shape.missing_eot, **options)
        except MaskRefused:
            assert name in shape.may_refuse, name
            continue
        assert encoded.text == truth.text
        assert [(span.start, span.end) for span in encoded.spans] == truth.spans, name
        must, may = trained_positions(truth.text, [(start, end, end) for start, end in truth.spans], tok)
        trained = {position for position, label in enumerate(encoded.labels) if label != NOT_TRAINED}
        assert must <= trained <= may, name
        assert all(encoded.labels[position] == encoded.input_ids[position] for position in trained)


@pytest.mark.parametrize("name", ALL)
def test_what_is_trained_is_what_the_template_lets_the_assistant_write(name: str) -> None:
    _check(ALL[name], KINDS[0])


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS[1:])
@pytest.mark.parametrize("name", ALL)
def test_the_mask_does_not_depend_on_the_kind_of_tokenizer(name: str, kind: str) -> None:
    _check(ALL[name], kind)


@pytest.mark.parametrize("name", [name for name, shape in ALL.items() if shape.missing_eot])
def test_a_template_that_does_not_end_a_turn_is_refused(name: str) -> None:
    tok = tokenizer(template=ALL[name].template, eos=ALL[name].eos)
    with pytest.raises(MaskRefused) as raised:
        encode_conversation(CONVERSATIONS["four turns"], tok)
    assert raised.value.reason == "missing_eot"
    assert "data.allow_missing_eot" in raised.value.message


@pytest.mark.parametrize("name", ALL)
def test_a_batch_gives_what_each_row_gives_alone(name: str) -> None:
    shape = ALL[name]
    tok = tokenizer(template=shape.template, bos=shape.bos, eos=shape.eos)
    options = {"stop_tokens": shape.stops, "allow_missing_eot": shape.missing_eot}
    # Twice, so that the second time every shape is known.
    names = [*CONVERSATIONS, *CONVERSATIONS]
    encoder = BatchEncoder(tok, **options)
    batch = encoder.encode([CONVERSATIONS[name] for name in names], [_tools(name) or () for name in names])
    for conversation, result in zip(names, batch, strict=True):
        alone = _alone(tok, conversation, options)
        if isinstance(alone, MaskRefused):
            assert isinstance(result, MaskRefused)
            assert result.reason == alone.reason
        else:
            assert result == alone


def _alone(tok: PreTrainedTokenizerFast, name: str, options: dict[str, Any]) -> Encoded | MaskRefused:
    try:
        return encode_conversation(CONVERSATIONS[name], tok, tools=_tools(name), **options)
    except MaskRefused as refusal:
        return refusal
