"""Whole data sets: every row is encoded or refused with a reason, and too many refusals stop the run."""

import pytest

from sftctl.data.conversation import Conversation
from sftctl.errors import DataUnusable, TooManyDropped
from sftctl.tokenization.config import DataConfig
from sftctl.tokenization.dataset import encode_dataset, encode_prompts
from sftctl.tokenization.prepare import Prepared, prepare_tokenizer
from sftctl.tokenization.rows import NOT_TRAINED
from sftctl.tokenization.template_facts import TemplateFacts
from tests.tokenization.cases import assistant, system, user
from tests.tokenization.kinds import tokenizer
from tests.tokenization.shapes import SHAPES

LOOSE = {"max_dropped_fraction": 1.0}


def _prepared(name: str = "chatml") -> Prepared:
    shape = SHAPES[name]
    return prepare_tokenizer(tokenizer(template=shape.template, bos=None, eos=shape.eos), DataConfig())


def _row(number: int, *messages: dict) -> Conversation:
    return Conversation(f"row-{number}", messages, "source")


def _document(text: str) -> Conversation:
    return Conversation("doc", ({"role": "document", "content": text},), "texts")


def _text(prepared: Prepared, ids: list[int]) -> str:
    return prepared.tokenizer.decode(ids)


SHORT = _row(1, user("Hi"), assistant("Ho"))
LONG = _row(2, user("Hi"), assistant("Ho"), user("And then, in some more words?"), assistant("Then came the end."))
UNANSWERED = _row(3, user("Anybody?"))


def test_every_row_is_encoded_or_refused_with_its_reason() -> None:
    made = encode_dataset([SHORT, UNANSWERED, LONG], _prepared(), DataConfig(**LOOSE))
    assert [row.id for row in made.rows] == ["row-1", "row-2"]
    assert [(refusal.id, refusal.reason) for refusal in made.refused] == [("row-3", "no_trained_tokens")]
    assert made.total_tokens == sum(len(row.input_ids) for row in made.rows)
    assert made.trained_tokens == sum(label != NOT_TRAINED for row in made.rows for label in row.labels)


def test_no_row_without_a_trained_token_reaches_the_trainer() -> None:
    made = encode_dataset([SHORT, LONG, UNANSWERED], _prepared(), DataConfig(**LOOSE))
    assert all(row.trained_tokens > 0 for row in made.rows)


def test_too_many_refusals_stop_the_run() -> None:
    with pytest.raises(TooManyDropped, match=r"1 of 3 rows cannot be used \(1 no_trained_tokens\).*row-3"):
        encode_dataset([SHORT, UNANSWERED, LONG], _prepared(), DataConfig())


def test_nothing_left_to_train_on_is_unusable_data() -> None:
    with pytest.raises(DataUnusable, match="none of 1 rows"):
        encode_dataset([UNANSWERED], _prepared(), DataConfig(**LOOSE))


def test_the_longest_row_sets_the_length_unless_the_model_is_shorter() -> None:
    prepared = _prepared()
    made = encode_dataset([SHORT, LONG], prepared, DataConfig())
    assert made.max_length == max(len(row.input_ids) for row in made.rows)
    assert encode_dataset([SHORT, LONG], prepared, DataConfig(), model_max_length=10_000).max_length == made.max_length
    shorter = encode_dataset([SHORT, LONG], prepared, DataConfig(**LOOSE), model_max_length=made.max_length - 1)
    assert [refusal.reason for refusal in shorter.refused] == ["too_long"]


@pytest.mark.parametrize(
    ("config", "limit", "told"),
    [
        (
            {"max_length": 12},
            100,
            r"more than data\.max_length=12\. Raise data\.max_length, set data\.on_overflow: keep_",
        ),
        (
            {"max_length": 100},
            12,
            r"more than the model's 12\. Set data\.on_overflow: keep_whole_turns, shorten them at",
        ),
        (
            {"on_overflow": "keep_whole_turns"},
            4,
            r"more than the model's 4\. Shorten them at their source\.",
        ),
    ],
)
def test_what_to_do_about_rows_that_are_too_long_depends_on_whose_limit_it_is(config, limit, told) -> None:
    with pytest.raises(DataUnusable, match=told):
        encode_dataset([SHORT, LONG], _prepared(), DataConfig(**config), model_max_length=limit)


def test_a_row_that_is_too_long_is_dropped_whole() -> None:
    prepared = _prepared()
    length = len(encode_dataset([LONG], prepared, DataConfig()).rows[0].input_ids)
    config = DataConfig(max_length=length - 1, **LOOSE)
    made = encode_dataset([SHORT, LONG], prepared, config)
    assert [row.id for row in made.rows] == ["row-1"]
    assert made.refused[0].message == f"{length} tokens, more than data.max_length={length - 1}"


def test_whole_turns_are_dropped_from_the_end_and_no_response_is_cut() -> None:
    prepared = _prepared()
    length = len(encode_dataset([LONG], prepared, DataConfig()).rows[0].input_ids)
    config = DataConfig(max_length=length - 1, on_overflow="keep_whole_turns")
    made = encode_dataset([SHORT, LONG], prepared, config)
    assert made.shortened == ["row-2"]
    assert made.rows[1].input_ids == made.rows[0].input_ids
    assert made.rows[1].labels == made.rows[0].labels


def test_a_row_whose_first_answer_is_too_long_is_refused_by_keep_whole_turns_too() -> None:
    config = DataConfig(max_length=8, on_overflow="keep_whole_turns", **LOOSE)
    with pytest.raises(DataUnusable, match="too_long"):
        encode_dataset([LONG], _prepared(), config)


def test_a_row_that_is_too_long_can_be_an_error() -> None:
    config = DataConfig(max_length=12, on_overflow="error")
    with pytest.raises(
        DataUnusable, match=r"row row-2 of source has \d+ tokens, more than data\.max_length=12\. Raise"
    ):
        encode_dataset([LONG], _prepared(), config)


def test_plain_text_longer_than_a_row_becomes_consecutive_pieces_and_nothing_is_lost() -> None:
    prepared = _prepared()
    text = "Many words follow each other. " * 12
    made = encode_dataset([_document(text)], prepared, DataConfig(max_length=16))
    ids = [token for row in made.rows for token in row.input_ids]
    assert ids == prepared.tokenizer(text + "<|im_end|>", add_special_tokens=False)["input_ids"]
    assert [row.labels for row in made.rows] == [row.input_ids for row in made.rows]
    assert {len(row.input_ids) for row in made.rows[:-1]} == {16}
    assert [row.id for row in made.rows[:3]] == ["doc", "doc/2", "doc/3"]


def test_a_system_prompt_is_added_only_where_a_row_has_none() -> None:
    prepared = _prepared()
    own = _row(4, system("Own."), user("Hi"), assistant("Ho"))
    made = encode_dataset([SHORT, own, _document("Text.")], prepared, DataConfig(system_prompt="Given."))
    texts = [_text(prepared, row.input_ids) for row in made.rows]
    assert texts[0].startswith("<|im_start|>system\nGiven.<|im_end|>\n<|im_start|>user\nHi")
    assert texts[1].startswith("<|im_start|>system\nOwn.<|im_end|>\n<|im_start|>user\nHi")
    assert texts[2] == "Text.<|im_end|>"


def test_prompts_are_what_inference_sees() -> None:
    prepared = _prepared()
    config = DataConfig(system_prompt="Given.")
    last, unanswered, text = encode_prompts([LONG, UNANSWERED, _document("one two three four")], prepared, config)
    head = "<|im_start|>system\nGiven.<|im_end|>\n<|im_start|>user\n"
    assert _text(prepared, last).startswith(head + "Hi<|im_end|>\n<|im_start|>assistant\nHo<|im_end|>\n")
    assert _text(prepared, last).endswith("words?<|im_end|>\n<|im_start|>assistant\n")
    assert _text(prepared, unanswered) == head + "Anybody?<|im_end|>\n<|im_start|>assistant\n"
    whole = prepared.tokenizer("one two three four", add_special_tokens=False)["input_ids"]
    assert text == whole[: len(whole) // 2]
    (first,) = encode_prompts([LONG], prepared, DataConfig(), turn=0)
    assert _text(prepared, first) == "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    assert encode_prompts([], prepared, config) == []


def test_a_prompt_is_the_beginning_of_the_row_that_is_trained() -> None:
    prepared = _prepared()
    (row,) = encode_dataset([SHORT], prepared, DataConfig()).rows
    (prompt,) = encode_prompts([SHORT], prepared, DataConfig())
    assert row.input_ids[: len(prompt)] == prompt
    assert row.labels[: len(prompt)] == [NOT_TRAINED] * len(prompt)
    assert row.labels[len(prompt)] != NOT_TRAINED


def test_the_facts_name_header_terminator_and_divergence() -> None:
    made = encode_dataset([SHORT, LONG], _prepared("prompt opens the reasoning"), DataConfig())
    assert made.facts == TemplateFacts("<｜Assistant｜>", "<｜end▁of▁sentence｜>", turns=3, diverging_turns=3)
    assert encode_dataset([LONG], _prepared(), DataConfig()).facts.diverging_turns == 0
