"""Encoding a data set with its mask costs about what rendering and tokenising it does: compared in one run."""

import random
import time
from collections.abc import Callable
from typing import Any

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from sftctl.tokenization.batch import BatchEncoder
from sftctl.tokenization.encode import Encoded
from tests.tokenization.cases import assistant, user
from tests.tokenization.hard_shapes import HARD_SHAPES
from tests.tokenization.shapes import SHAPES

ROUNDS = 5
MAX_RATIO = 1.1
TEMPLATES = ("chatml", "header ids", "empty reasoning before the last answer")


def _text(rng: random.Random, words: list[str], count: int) -> str:
    return " ".join(rng.choice(words) for _ in range(count)) + "."


def _conversations(rng: random.Random, rows: int, pairs: int) -> list[list[dict[str, Any]]]:
    words = ["".join(rng.choice("etaoinshrdlu") for _ in range(rng.randint(2, 9))) for _ in range(3000)]
    return [
        [message for _ in range(pairs) for message in (user(_text(rng, words, 40)), assistant(_text(rng, words, 80)))]
        for _ in range(rows)
    ]


def _tokenizer(name: str, conversations: list[list[dict[str, Any]]]) -> PreTrainedTokenizerFast:
    shape = {**SHAPES, **HARD_SHAPES}[name]
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=8000, initial_alphabet=alphabet, show_progress=False)
    made.train_from_iterator([message["content"] for row in conversations for message in row], trainer)
    tok = PreTrainedTokenizerFast(
        tokenizer_object=made,
        bos_token=shape.bos,
        eos_token=shape.eos,
        extra_special_tokens=["<|im_start|>", "<think>", "</think>"],
    )
    tok.chat_template = shape.template
    return tok


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


@pytest.mark.performance
@pytest.mark.parametrize(("rows", "pairs"), [(1000, 1), (500, 2)], ids=["single turn", "4 turns"])
@pytest.mark.parametrize("name", TEMPLATES)
def test_masking_costs_at_most_a_tenth_more_than_a_plain_loop(name: str, rows: int, pairs: int) -> None:
    conversations = _conversations(random.Random(7), rows, pairs)
    tok = _tokenizer(name, conversations)

    def plain() -> list[list[int]]:
        return [tok.apply_chat_template(row, tokenize=True)["input_ids"] for row in conversations]

    def masked() -> list[Any]:
        return BatchEncoder(tok).encode(conversations)

    expected, encoded = plain(), masked()
    assert all(isinstance(row, Encoded) for row in encoded)
    assert [row.input_ids for row in encoded] == expected
    # By turns, and the best of each: other work on the machine slows both down, and never speeds one up.
    timings = [(_seconds(plain), _seconds(masked)) for _ in range(ROUNDS)]
    ratio = min(after for _, after in timings) / min(before for before, _ in timings)
    print(f"{name}, {rows} rows of {2 * pairs} turns: {ratio:.2f} times a plain loop")
    assert ratio <= MAX_RATIO
