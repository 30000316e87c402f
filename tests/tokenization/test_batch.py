"""Whole data sets at the cost of one rendering a row, and never another mask than one row alone."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sftctl.tokenization.batch import BatchEncoder
from sftctl.tokenization.encode import Encoded, encode_conversation
from sftctl.tokenization.literals import searched_literals
from sftctl.tokenization.refusal import MaskRefused
from sftctl.tokenization.rows import NOT_TRAINED
from tests.tokenization.cases import TOOLS, assistant, call, result, system, user
from tests.tokenization.hard_shapes import HARD_SHAPES
from tests.tokenization.kinds import KINDS, tokenizer
from tests.tokenization.oracle import bracketed
from tests.tokenization.shapes import SHAPES, Shape

ALL = {**SHAPES, **HARD_SHAPES}
REASONING = "the prompt opens the reasoning that the last answer has"


def _tokenizer(name: str, kind: str = KINDS[0]) -> Any:
    return tokenizer(kind, template=ALL[name].template, bos=ALL[name].bos, eos=ALL[name].eos)


def test_a_known_shape_is_not_learned_again() -> None:
    encoder = BatchEncoder(_tokenizer("chatml"))
    rows = [[user(f"Question {number}?"), assistant(f"Answer {number}.")] for number in range(50)]
    assert all(isinstance(row, Encoded) for row in encoder.encode(rows))
    assert encoder.rows_the_slow_way == 1


def test_reasoning_rows_of_one_turn_are_not_learned_again() -> None:
    tok = _tokenizer("empty reasoning before the last answer")
    encoder = BatchEncoder(tok)
    rows = [[user(f"{n}?"), assistant(f"<think>\nHm {n}.\n</think>\n\n{n}!")] for n in range(20)]
    assert encoder.encode(rows) == [encode_conversation(row, tok) for row in rows]
    assert encoder.rows_the_slow_way == 1


def test_reasoning_that_the_prompt_opens_is_not_learned_again() -> None:
    tok = _tokenizer(REASONING)
    encoder = BatchEncoder(tok)
    rows = [[user(f"{n}?"), assistant(f"<think>\nHm {n}.\n</think>\n\n{n}!")] for n in range(20)]
    encoded = encoder.encode(rows)
    assert encoded == [encode_conversation(row, tok) for row in rows]
    assert encoder.rows_the_slow_way == 1
    (span,) = encoded[7].spans
    assert encoded[7].text[span.start : span.end] == "Hm 7.\n</think>\n\n7!<|im_end|>"


def test_rows_with_calls_and_reasoning_are_not_learned_again() -> None:
    tok = _tokenizer("empty reasoning before the last answer")
    encoder = BatchEncoder(tok)
    rows = [
        [
            user(f"Define {n}."),
            assistant("", tool_calls=[call(n, word=f"word {n}", limit=3)]),
            result(n, f"found {n}"),
            assistant(f"It is {n}.", reasoning_content=f"I found {n}."),
        ]
        for n in range(20)
    ]
    assert encoder.encode(rows, [TOOLS] * 20) == [encode_conversation(row, tok, tools=TOOLS) for row in rows]
    assert encoder.rows_the_slow_way == 1


def test_an_argument_that_is_escaped_takes_the_slow_way_and_is_right() -> None:
    tok = _tokenizer("tool calls behind the text")
    encoder = BatchEncoder(tok)
    rows = [
        [user("Define."), assistant("", tool_calls=[call(1, word=word)]), result(1, "x"), assistant("y")]
        for word in ("plain", 'a "quoted" one', "two\nlines", "plain again")
    ]
    assert encoder.encode(rows, [TOOLS] * 4) == [encode_conversation(row, tok, tools=TOOLS) for row in rows]
    assert encoder.rows_the_slow_way == 3


def test_a_system_message_that_the_template_rewrites_is_learned_by_its_words() -> None:
    encoder = BatchEncoder(_tokenizer("system message upper-cased"))
    rows = [[system("Be kind."), user(f"{number}?"), assistant(f"{number}!")] for number in range(20)]
    assert all(isinstance(row, Encoded) for row in encoder.encode(rows))
    assert encoder.rows_the_slow_way == 1


def test_a_word_that_changes_the_prompt_makes_another_shape() -> None:
    tok = _tokenizer("reasoning mode from a word in the system message")
    rows = [
        [system("You are brief."), user("Hi"), assistant("Ho")],
        [system("detailed thinking on"), user("Hi"), assistant("Ho")],
        [system("You are kind."), user("detailed thinking on"), assistant("Ho")],
    ]
    encoded = BatchEncoder(tok).encode(rows)
    assert [row.spans[0].diverges for row in encoded] == [False, True, False]
    assert encoded == [encode_conversation(row, tok) for row in rows]


def test_the_words_that_a_template_looks_for_are_read_from_its_syntax() -> None:
    template = (
        "{%- set mark = '[deep]' -%}{%- set printed = 'never searched' -%}"
        "{%- for message in messages -%}{%- if 'tool_calls' in message or message['role'] == 'user' -%}"
        "{%- if message.content.startswith('/think') or mark in message.content -%}{{- 'plain' -}}{%- endif -%}"
        "{{- message.get('name', 'nobody') + printed -}}"
        "{{- message.content.split('</think>')[-1] | replace('Aha', '') -}}"
        "{%- endif -%}{%- endfor -%}"
        "{%- for word in ['slow', 'fast'] -%}{%- if word in messages[0].content -%}!{%- endif -%}{%- endfor -%}"
    )
    assert searched_literals(template) == ("/think", "</think>", "[deep]", "aha", "fast", "slow")


def test_a_row_that_the_template_refuses_does_not_take_others_with_it() -> None:
    encoder = BatchEncoder(_tokenizer("names and colons"))
    call_row = [user("Hi"), assistant("", tool_calls=[call(1, word="x")]), result(1, "y"), assistant("z")]
    good = [user("Hi"), assistant("Ho")]
    first, refused, last = encoder.encode([good, call_row, good])
    assert isinstance(refused, MaskRefused)
    assert refused.message == "the chat template cannot render this row: no tools"
    assert first == last == encode_conversation(good, _tokenizer("names and colons"))


def test_only_the_last_response_is_trained_on_request() -> None:
    tok = _tokenizer("chatml")
    rows = [[user("One?"), assistant("Uno."), user("Two?"), assistant("Dos.")]] * 2
    encoder = BatchEncoder(tok, train_on="last_assistant")
    assert encoder.encode(rows) == [encode_conversation(row, tok, train_on="last_assistant") for row in rows]


PIECES = st.sampled_from(
    (
        *("a", "B c", " ", "\n", "é", "東京", "👩‍👩‍👧", "\u202e", "ﬁ", "<", "<b>", "</think>", "<|im_end|>", "</s>"),
        *("[/INST]", "<|im_start|>user\n", "ASSISTANT:", "### Response:\n", "\\", "{{ x }}", "detailed thinking on"),
    )
)
CONTENT = st.lists(PIECES, max_size=6).map("".join)
CONVERSATION = st.tuples(
    st.none() | CONTENT, st.lists(st.tuples(CONTENT, CONTENT), min_size=1, max_size=3), st.booleans()
).map(
    lambda drawn: (
        ([system(drawn[0])] if drawn[0] is not None else [])
        + [message for question, answer in drawn[1] for message in (user(question), assistant(answer))]
        + ([user("Last?")] if drawn[2] else [])
    )
)
SETTINGS = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
PROPERTY_SHAPES = ("chatml", "past reasoning is cut", "names and colons", "one space after the colon", REASONING)


def _properties(shape: Shape, messages: list[dict[str, Any]], tok: Any, encoder: BatchEncoder) -> None:
    truth = bracketed(shape, tok, messages, None)
    (encoded,) = encoder.encode([messages])
    if truth is None:
        assert isinstance(encoded, MaskRefused)
        return
    if isinstance(encoded, MaskRefused):
        # Never a wrong mask; an answer or a question that cannot be told from the template's own text may be refused.
        assert encoded.reason not in ("template_error", "missing_eot")
        return
    assert encoded.text == truth.text
    assert [(span.start, span.end) for span in encoded.spans] == truth.spans
    offsets = tok(encoded.text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    for label, (first, last) in zip(encoded.labels, offsets, strict=True):
        inside = any(start <= first and last <= end for start, end in truth.spans)
        assert label == NOT_TRAINED or inside


@pytest.mark.parametrize("name", PROPERTY_SHAPES)
@SETTINGS
@given(messages=CONVERSATION)
def test_no_character_of_a_user_or_system_is_ever_trained(name: str, messages: list[dict[str, Any]]) -> None:
    tok = _tokenizer(name)
    encoder = ENCODERS.setdefault(name, BatchEncoder(tok))
    _properties(ALL[name], messages, tok, encoder)


ENCODERS: dict[str, BatchEncoder] = {}
"""One for all examples of a shape, so that layouts learned from one conversation are tried on the others."""


@pytest.mark.slow
@pytest.mark.parametrize("name", ALL)
@settings(SETTINGS, max_examples=8)
@given(messages=CONVERSATION)
def test_the_properties_hold_on_every_template(name: str, messages: list[dict[str, Any]]) -> None:
    if ALL[name].missing_eot:
        return
    tok = _tokenizer(name)
    encoder = ENCODERS.setdefault(name, BatchEncoder(tok, stop_tokens=ALL[name].stops))
    _properties(ALL[name], messages, tok, encoder)
