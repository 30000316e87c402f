"""One conversation: which tokens carry loss, exactly."""

import pytest

from sftctl.data.conversation import Conversation
from sftctl.errors import SftctlError
from sftctl.tokenization.encode import Encoded, encode_conversation
from sftctl.tokenization.refusal import MaskRefused
from sftctl.tokenization.rows import NOT_TRAINED
from tests.tokenization.cases import assistant, system, user
from tests.tokenization.kinds import KINDS, tokenizer
from tests.tokenization.shapes import SHAPES

CHATML = SHAPES["chatml"].template


def _trained(encoded: Encoded) -> list[str]:
    return [encoded.text[span.start : span.end] for span in encoded.spans]


def _chatml(**special: str) -> object:
    return tokenizer(template=CHATML, **{"eos": "<|im_end|>", "bos": None, **special})


def test_the_supervised_tokens_are_the_answer_and_its_stop_token() -> None:
    tok = _chatml()
    encoded = encode_conversation([user("What is a prime?"), assistant("A number.")], tok)
    answer = tok("A number.<|im_end|>", add_special_tokens=False)["input_ids"]
    assert encoded.text == "<|im_start|>user\nWhat is a prime?<|im_end|>\n<|im_start|>assistant\nA number.<|im_end|>\n"
    assert encoded.input_ids == tok(encoded.text, add_special_tokens=False)["input_ids"]
    newline = 1
    before = len(encoded.input_ids) - len(answer) - newline
    assert encoded.labels == [NOT_TRAINED] * before + answer + [NOT_TRAINED] * newline
    assert encoded.spans == ((1, 66, 85, True, False),)


def test_all_responses_are_trained_by_default_and_one_on_request() -> None:
    messages = [user("One?"), assistant("Uno."), user("Two?"), assistant("Dos.")]
    assert _trained(encode_conversation(messages, _chatml())) == ["Uno.<|im_end|>", "Dos.<|im_end|>"]
    last = encode_conversation(messages, _chatml(), train_on="last_assistant")
    assert _trained(last) == ["Dos.<|im_end|>"]
    assert sum(label != NOT_TRAINED for label in last.labels) == len(_chatml()("Dos.<|im_end|>")["input_ids"])


def test_a_conversation_is_not_trained_as_plain_text() -> None:
    with pytest.raises(MaskRefused) as raised:
        encode_conversation([user("Hi"), assistant("Ho")], _chatml(), train_on="all_tokens")
    assert raised.value.reason == "not_plain_text"


@pytest.mark.parametrize("train_on", ["all_assistant", "all_tokens"])
def test_plain_text_is_trained_whole_with_eos_at_its_end(train_on: str) -> None:
    tok = tokenizer(bos=None)
    encoded = encode_conversation([{"role": "document", "content": "A text."}], tok, train_on=train_on)
    assert encoded.labels == encoded.input_ids == tok("A text.</s>", add_special_tokens=False)["input_ids"]


def test_a_refusal_is_an_error_of_sftctl_with_a_word_and_a_sentence() -> None:
    tok = tokenizer(template="{{ raise_exception('roles must alternate') }}")
    with pytest.raises(SftctlError) as raised:
        encode_conversation([user("Hi"), assistant("Ho")], tok)
    assert raised.value.reason == "template_error"
    assert raised.value.message == "the chat template cannot render this row: roles must alternate"


def test_the_bos_of_a_rendering_is_not_doubled() -> None:
    tok = tokenizer(template=SHAPES["header ids"].template, bos="<|begin_of_text|>", eos="<|eot_id|>")
    encoded = encode_conversation([user("Hi"), assistant("Ho")], tok)
    assert encoded.input_ids.count(tok.bos_token_id) == 1


def test_pad_equal_to_eos_does_not_take_the_stop_token_out_of_the_loss() -> None:
    tok = _chatml()
    tok.pad_token = tok.eos_token
    encoded = encode_conversation([user("Hi"), assistant("Ho")], tok)
    assert encoded.labels.count(tok.eos_token_id) == 1
    assert encoded.labels[encoded.input_ids.index(tok.eos_token_id)] == NOT_TRAINED


def test_a_template_without_a_stop_token_is_refused_unless_allowed() -> None:
    tok = tokenizer(template=SHAPES["chatml"].template.replace("<|im_end|>", ""), eos="<|endoftext|>")
    messages = [user("Hi"), assistant("Ho")]
    with pytest.raises(MaskRefused) as raised:
        encode_conversation(messages, tok)
    assert raised.value.reason == "missing_eot"
    allowed = encode_conversation(messages, tok, allow_missing_eot=True)
    assert _trained(allowed) == ["Ho"]
    assert not allowed.spans[0].has_eot


@pytest.mark.parametrize(
    ("moved", "reason"),
    [
        # The answers of a row, gathered behind its questions.
        (
            "{%- for m in messages if m.role == 'user' -%}{{- m.content + '|' -}}{%- endfor -%}"
            "{%- for m in messages if m.role == 'assistant' -%}{{- m.content + eos_token -}}{%- endfor -%}",
            "messages_reordered",
        ),
        # The question behind its answer.
        (
            "{%- for m in messages if m.role == 'assistant' -%}{{- '<|assistant|>' + m.content -}}"
            "{{- messages[loop.index0 * 2].content + eos_token -}}{%- endfor -%}",
            "messages_reordered",
        ),
        # Only the last answer is rendered.
        ("{%- for m in messages[-2:] -%}{{- m.content + eos_token -}}{%- endfor -%}", "message_dropped"),
        # The answer twice.
        ("{%- for m in messages -%}{{- m.content + m.content + eos_token -}}{%- endfor -%}", "message_repeated"),
    ],
)
def test_a_template_that_moves_drops_or_repeats_messages_is_refused(moved: str, reason: str) -> None:
    messages = [user("first?"), assistant("one"), user("second?"), assistant("two")]
    with pytest.raises(MaskRefused) as raised:
        encode_conversation(messages, tokenizer(template=moved))
    assert raised.value.reason == reason


def test_a_dropped_system_message_is_refused() -> None:
    template = (
        "{%- for m in messages if m.role != 'system' -%}"
        "{{- '<|' + m.role + '|>' + m.content + eos_token -}}{%- endfor -%}"
        "{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}"
    )
    with pytest.raises(MaskRefused) as raised:
        encode_conversation([system("Be kind."), user("Hi"), assistant("Ho")], tokenizer(template=template))
    assert raised.value.reason == "message_dropped"
    assert raised.value.message == "the chat template leaves out the content of message 0 (system)"


def test_text_of_unicodes_private_plane_is_refused() -> None:
    with pytest.raises(MaskRefused) as raised:
        encode_conversation([user("Hi"), assistant("\U00100000")], _chatml())
    assert raised.value.reason == "private_use_text"


@pytest.mark.parametrize("kind", KINDS)
def test_a_token_astride_the_start_of_a_turn_carries_no_loss(kind: str) -> None:
    tok = tokenizer(kind, template=SHAPES["prompt ends with a space"].template)
    encoded = encode_conversation([user("Hi"), assistant("Ho there")], tok)
    offsets = tok(encoded.text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    (span,) = encoded.spans
    assert encoded.text[span.start : span.end] == "Ho there</s>"
    for label, (first, last) in zip(encoded.labels, offsets, strict=True):
        if first < span.start < last:
            assert label == NOT_TRAINED
        if span.start <= first < last <= span.end:
            assert label != NOT_TRAINED


def test_messages_of_a_conversation_are_read_as_they_are() -> None:
    row = Conversation("1", (user("Hi"), assistant("Ho")), "source")
    assert _trained(encode_conversation(row.messages, _chatml())) == ["Ho<|im_end|>"]
