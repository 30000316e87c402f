"""Words as near-duplicates see them."""

import re

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sftctl.curate import words as module
from sftctl.curate.words import CorpusWords, corpus_words, prompt_text, split_words
from tests.curate.conversations import conversation


def test_c_and_c_plus_plus_and_c_sharp_are_three_words():
    words = split_words(["C", "C++", "c#", "c ++"])
    assert len({int(words.of(i)[0]) for i in range(3)}) == 3
    assert words.of(3).tolist() == words.of(0).tolist()


def test_case_and_signs_between_words_do_not_count():
    words = split_words(["Pay, the FEE!", "pay the fee"])
    assert words.of(0).tolist() == words.of(1).tolist()


def test_a_text_without_spaces_has_one_word_a_character():
    assert split_words(["手数料はいくら", "Wani Books (ワニ社) of Japan"]).lengths.tolist() == [7, 5]


def test_a_text_of_signs_is_told_from_another():
    words = split_words(["★★★", "★★★★", "", " \n"])
    assert words.lengths.tolist() == [3, 4, 0, 0]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(alphabet="ab1_é+#. \n", max_size=20), max_size=8))
def test_words_are_those_of_the_regular_expression(texts):
    found = split_words(texts)
    plain = [re.findall(r"\w+[+#]{0,2}", text.lower()) for text in texts]
    for i, expected in enumerate(plain):
        if expected:
            assert len(found.of(i)) == len(expected)
    number: dict[int, str] = {}
    for i, expected in enumerate(plain):
        for value, word in zip(found.of(i).tolist(), expected, strict=False):
            assert number.setdefault(value, word) == word


def test_blocks_change_nothing(monkeypatch):
    texts = [f"row {n} says {n * n} times hello" for n in range(50)]
    whole = split_words(texts)
    monkeypatch.setattr(module, "CHARACTERS_PER_BLOCK", 40)
    module._usual_powers.cache_clear()
    parts = split_words(texts)
    module._usual_powers.cache_clear()
    np.testing.assert_array_equal(whole.hashes, parts.hashes)
    np.testing.assert_array_equal(whole.starts, parts.starts)


def test_a_text_longer_than_a_block_is_cut_between_words(monkeypatch):
    text = " ".join(f"word{n}" for n in range(60))
    whole = split_words([text, "a b"])
    monkeypatch.setattr(module, "CHARACTERS_PER_BLOCK", 50)
    module._usual_powers.cache_clear()
    parts = split_words([text, "a b"])
    module._usual_powers.cache_clear()
    np.testing.assert_array_equal(whole.hashes, parts.hashes)
    assert parts.lengths.tolist() == [60, 2]


def test_whole_is_the_prompt_then_the_response():
    words = CorpusWords(split_words(["a b", "c"]), split_words(["d", "e f"])).whole()
    assert words.of(0).tolist() == split_words(["a b d"]).of(0).tolist()
    assert words.of(1).tolist() == split_words(["c e f"]).of(0).tolist()


def test_a_system_prompt_is_not_part_of_the_question():
    row = conversation("What is the fee?", "None.")
    with_system = ({"role": "system", "content": "You work for a bank."}, *row.messages)
    assert prompt_text(type(row)("1", with_system, "domain")) == "What is the fee?"


def test_two_calls_of_a_tool_are_two_answers():
    def calls(order):
        call = {"function": {"name": "look_up", "arguments": {"order": order}}}
        turns = (
            {"role": "user", "content": "Where is it?"},
            {"role": "assistant", "content": "", "tool_calls": [call]},
        )
        return type(conversation("", ""))("1", turns, "domain")

    words = corpus_words([calls("7"), calls("8"), calls("7")]).responses
    assert words.of(0).tolist() == words.of(2).tolist() != words.of(1).tolist()
