"""A tokenizer made ready: template by name, stop token, pad token, nothing added unasked."""

from pathlib import Path

import pytest

from sftctl.errors import UsageError
from sftctl.tokenization.config import DataConfig
from sftctl.tokenization.encode import encode_conversation
from sftctl.tokenization.prepare import TEMPLATE_NAMES, prepare_tokenizer
from sftctl.tokenization.refusal import MaskRefused
from tests.tokenization.cases import assistant, call, result, system, user
from tests.tokenization.kinds import KINDS, tokenizer
from tests.tokenization.shapes import SHAPES

PLAIN = KINDS[1]
MESSAGES = [user("Hi"), assistant("Ho")]


def _rendered(name: str, messages: list | None = None, **special: str | None) -> str:
    config = DataConfig(chat_template=name, add_missing_special_tokens=True)
    prepared = prepare_tokenizer(tokenizer(PLAIN, **{"bos": None, **special}), config)
    return encode_conversation(messages or MESSAGES, prepared.tokenizer).text


def test_a_base_model_without_a_template_is_refused_until_one_is_named() -> None:
    with pytest.raises(UsageError, match=r"no chat template .* Set data\.chat_template to chatml, alpaca or zephyr"):
        prepare_tokenizer(tokenizer(PLAIN), DataConfig())


def test_alpaca_is_the_prompt_of_the_article() -> None:
    assert _rendered("alpaca") == (
        "Below is an instruction that describes a task. Write a response that appropriately completes the request."
        "\n\n### Instruction:\nHi\n\n### Response:\nHo</s>"
    )


def test_a_system_message_takes_the_place_of_alpacas_opening() -> None:
    text = _rendered("alpaca", [system("Be kind."), *MESSAGES, *MESSAGES])
    turn = "\n\n### Instruction:\nHi\n\n### Response:\nHo</s>"
    assert text == "Be kind." + turn + turn


def test_zephyr_ends_every_turn_with_eos() -> None:
    assert (
        _rendered("zephyr", [system("S"), *MESSAGES]) == "<|system|>\nS</s>\n<|user|>\nHi</s>\n<|assistant|>\nHo</s>\n"
    )


def test_chatml_has_its_own_markers() -> None:
    assert _rendered("chatml") == "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHo<|im_end|>\n"


@pytest.mark.parametrize("name", TEMPLATE_NAMES)
def test_a_named_template_refuses_tool_calls_instead_of_dropping_them(name: str) -> None:
    prepared = prepare_tokenizer(
        tokenizer(PLAIN), DataConfig(chat_template=name, add_missing_special_tokens=True)
    ).tokenizer
    calls = [user("Hi"), assistant("", tool_calls=[call(1, word="x")]), result(1, "y"), assistant("z")]
    with pytest.raises(MaskRefused, match="this chat template has") as raised:
        encode_conversation(calls, prepared)
    assert raised.value.reason == "template_error"


def test_a_template_can_be_a_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.jinja"
    file.write_text(SHAPES["one space after the colon"].template, encoding="utf-8")
    prepared = prepare_tokenizer(tokenizer(PLAIN), DataConfig(chat_template=str(file)))
    assert prepared.tokenizer.chat_template == file.read_text(encoding="utf-8")
    with pytest.raises(UsageError, match=r"data\.chat_template: .*absent\.jinja is not one of chatml, alpaca, zephyr"):
        prepare_tokenizer(tokenizer(PLAIN), DataConfig(chat_template=str(tmp_path / "absent.jinja")))


@pytest.mark.parametrize(
    ("template", "told"),
    [
        (
            "{% for m in messages %}\n{{ m['role'] }\n{% endfor %}",
            ":2: the chat template cannot render this row: unexpected '}'",
        ),
        (
            "{% for m in messages %}\n\n{{ m.role.nope.nope }}{% endfor %}",
            ":3: the chat template cannot render this row: 'str object'",
        ),
        ("", " is empty"),
    ],
)
def test_a_template_that_fails_is_named_with_its_line(template: str, told: str, tmp_path: Path) -> None:
    file = tmp_path / "broken.jinja"
    file.write_text(template, encoding="utf-8")
    with pytest.raises(UsageError) as raised:
        prepare_tokenizer(tokenizer(PLAIN), DataConfig(chat_template=str(file)))
    assert str(raised.value).startswith(f"data.chat_template: {file}{told}")


def test_markers_that_the_model_does_not_have_are_refused_unless_asked_for() -> None:
    with pytest.raises(
        UsageError, match=r"no token for <\|im_start\|>, <\|im_end\|>.*add_missing_special_tokens: true"
    ):
        prepare_tokenizer(tokenizer(PLAIN), DataConfig(chat_template="chatml"))
    base = tokenizer(PLAIN)
    prepared = prepare_tokenizer(base, DataConfig(chat_template="chatml", add_missing_special_tokens=True))
    assert prepared.added_tokens == ("<|im_start|>", "<|im_end|>")
    assert len(prepared.tokenizer) == len(base) + 2
    assert prepared.stop_token_ids == (len(base) + 1, base.eos_token_id)
    assert prepared.stop_tokens == ("<|im_end|>", "</s>")


def test_the_tokenizer_that_is_saved_ends_with_the_token_that_was_trained(tmp_path: Path) -> None:
    prepared = prepare_tokenizer(tokenizer(PLAIN), DataConfig(chat_template="chatml", add_missing_special_tokens=True))
    prepared.tokenizer.save_pretrained(tmp_path)
    loaded = type(prepared.tokenizer).from_pretrained(tmp_path)
    assert loaded.eos_token_id == prepared.stop_token_ids[0]
    assert loaded.chat_template == prepared.tokenizer.chat_template
    assert loaded("<|im_end|>", add_special_tokens=False)["input_ids"] == [prepared.stop_token_ids[0]]


def test_the_tokenizer_that_came_in_is_not_changed() -> None:
    base = tokenizer(PLAIN)
    prepare_tokenizer(base, DataConfig(chat_template="chatml", add_missing_special_tokens=True))
    assert base.chat_template is None
    assert base.pad_token is None
    assert base.eos_token == "</s>"


def test_nothing_is_added_to_a_tokenizer_that_has_what_its_template_needs() -> None:
    own = tokenizer(template=SHAPES["chatml"].template, eos="<|endoftext|>")
    prepared = prepare_tokenizer(own, DataConfig(), generation_stop_ids=[5])
    assert prepared.added_tokens == ()
    assert len(prepared.tokenizer) == len(own)
    end_of_turn = own.convert_tokens_to_ids("<|im_end|>")
    assert prepared.stop_token_ids == (end_of_turn, own.eos_token_id, 5)
    assert prepared.end_of_text == "<|endoftext|>"


def test_a_template_that_ends_no_turn_is_refused_before_any_data_is_read() -> None:
    own = tokenizer(template=SHAPES["chatml"].template.replace("<|im_end|>", ""), eos="<|endoftext|>")
    with pytest.raises(UsageError, match="without an end-of-turn token"):
        prepare_tokenizer(own, DataConfig())
    allowed = prepare_tokenizer(own, DataConfig(allow_missing_eot=True))
    assert allowed.stop_token_ids == (own.eos_token_id,)


@pytest.mark.parametrize(
    ("special", "expected"),
    [
        ({"pad_token": "<|im_start|>", "extra_special_tokens": ["<|reserved_0|>"]}, "<|im_start|>"),
        ({"extra_special_tokens": ["<|reserved_1|>", "<|reserved_0|>"], "unk_token": "<unk>"}, "<|reserved_1|>"),
        ({"extra_special_tokens": ["<|reserved_0|>", "<|fim_pad|>"]}, "<|fim_pad|>"),
        ({"unk_token": "<unk>"}, "<unk>"),
        ({}, "</s>"),
    ],
)
def test_padding_takes_an_existing_token(special: dict, expected: str) -> None:
    base = tokenizer(PLAIN)
    made = type(base)(tokenizer_object=base.backend_tokenizer, eos_token="</s>", **special)
    prepared = prepare_tokenizer(made, DataConfig(chat_template="zephyr"))
    assert prepared.tokenizer.pad_token == expected
    assert prepared.pad_token_id == made.convert_tokens_to_ids(expected)
    assert len(prepared.tokenizer) == len(made)


def test_control_tokens_are_the_special_ones_but_not_the_unknown_token() -> None:
    base = tokenizer(PLAIN)
    own = type(base)(tokenizer_object=base.backend_tokenizer, eos_token="</s>", unk_token="<unk>")
    own.add_tokens(["<h1>"])
    own.add_tokens(["<|reserved_0|>"], special_tokens=True)
    markers = DataConfig(chat_template="chatml", add_missing_special_tokens=True)
    found = prepare_tokenizer(own, markers).control_tokens
    assert set(found) == {"</s>", "<s>", "<|reserved_0|>", "<|im_start|>", "<|im_end|>"}
    plain = prepare_tokenizer(own, DataConfig(train_on="all_tokens")).control_tokens
    assert set(plain) == {"</s>", "<s>", "<|reserved_0|>"}


def test_plain_text_needs_no_template() -> None:
    prepared = prepare_tokenizer(tokenizer(PLAIN), DataConfig(train_on="all_tokens"))
    assert prepared.stop_tokens == ("</s>",)
