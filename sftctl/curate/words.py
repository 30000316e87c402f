"""Splits every text once into words, as 64-bit hashes: what near-duplicates and test items are found by.

A word is what `\\w+` matches in the lower-cased text, with up to two `+` or `#` after it (C, C++ and C# differ).
A text mostly in a script without spaces between words has one word a character.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from sftctl.data.conversation import Conversation

Hashes = NDArray[np.uint64]

CHARACTERS_PER_BLOCK = 1 << 18
"""Texts are hashed in blocks of about this size, so that the working memory does not grow with the text."""

_OTHER, _WORD, _ALONE, _SUFFIX = 0, 1, 2, 3

# Thai, Lao, Myanmar, Khmer; Japanese and Chinese; the rarer Chinese characters.
_UNSPACED = (
    (0x0E00, 0x0EFF),
    (0x1000, 0x109F),
    (0x1780, 0x17FF),
    (0x3040, 0x30FF),
    (0x3400, 0x9FFF),
    (0x20000, 0x323AF),
)

# Odd, so that it has an inverse modulo 2**64; otherwise arbitrary.
_BASE = 0x9E3779B97F4A7C15 | 1
_BASE_INVERSE = pow(_BASE, -1, 1 << 64)


@dataclass(frozen=True, slots=True)
class Words:
    """The words of many texts in a row; text `i` is `hashes[starts[i]:starts[i + 1]]`."""

    hashes: Hashes
    starts: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        return np.diff(self.starts)

    def of(self, text: int) -> Hashes:
        return self.hashes[self.starts[text] : self.starts[text + 1]]

    def of_texts(self, texts: NDArray[np.int64]) -> "Words":
        """The words of some texts, in the given order."""
        lengths = self.lengths[texts]
        starts = np.concatenate([[0], np.cumsum(lengths)])
        source = np.arange(starts[-1]) + np.repeat(self.starts[texts] - starts[:-1], lengths)
        return Words(self.hashes[source], starts)


@dataclass(frozen=True, slots=True)
class CorpusWords:
    """Prompts and responses of the same conversations, in their order."""

    prompts: Words
    responses: Words

    def whole(self) -> Words:
        """Prompt and response as one text."""
        return _joined(self.prompts, self.responses)


def corpus_words(conversations: Sequence[Conversation]) -> CorpusWords:
    """The prompt is every turn before the last response but a system turn: a system prompt is shared by all rows."""
    return CorpusWords(
        prompts=split_words([prompt_text(row) for row in conversations]),
        responses=split_words([response_text(row) for row in conversations]),
    )


def prompt_text(conversation: Conversation) -> str:
    """What was asked: every turn before the last response; system turns only where there is nothing else."""
    turns = [message["content"] for message in conversation.messages[:-1] if message["role"] != "system"]
    return "\n".join(turns) if any(turns) else conversation.prompt


def response_text(conversation: Conversation) -> str:
    """What was answered: the last turn, and the tools that it calls, without which all calls would be alike."""
    calls = conversation.messages[-1].get("tool_calls")
    return f"{conversation.response}\n{json.dumps(calls)}" if calls else conversation.response


def split_words(texts: Sequence[str]) -> Words:
    """Hashes of the words of each text; texts without a word (only signs) have their characters instead."""
    hashes: list[Hashes] = []
    lengths: list[NDArray[np.int64]] = []
    for block in _blocks(texts):
        pieces = _pieces(block[0]) if len(block) == 1 else [block]
        found = [_hash_block(piece) for piece in pieces]
        hashes += [words.hashes for words in found]
        lengths.append(found[0].lengths if len(found) == 1 else np.array([sum(len(words.hashes) for words in found)]))
    starts = np.zeros(len(texts) + 1, dtype=np.int64)
    if hashes:
        np.cumsum(np.concatenate(lengths), out=starts[1:])
    return Words(np.concatenate(hashes) if hashes else np.zeros(0, dtype=np.uint64), starts)


def _blocks(texts: Sequence[str]) -> Iterator[list[str]]:
    block: list[str] = []
    size = 0
    for text in texts:
        block.append(text)
        size += len(text)
        if size >= CHARACTERS_PER_BLOCK:
            yield block
            block, size = [], 0
    if block:
        yield block


def _pieces(text: str) -> Iterator[list[str]]:
    """A long text cut between words, so that the working memory does not grow with it."""
    start = 0
    while True:
        space = text.find(" ", start + CHARACTERS_PER_BLOCK)
        yield [text[start : space if space >= 0 else len(text)]]
        if space < 0:
            return
        start = space


def _hash_block(texts: list[str]) -> Words:
    # One sign between texts ends the last word of each.
    lowered = [text.lower() for text in texts]
    codes = np.frombuffer("\n".join(lowered).encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    first = np.zeros(len(texts) + 1, dtype=np.int64)
    np.cumsum([len(text) + 1 for text in lowered], out=first[1:])
    kinds = _spaced_as_words(_kinds()[codes], first)
    starts, ends = _word_bounds(kinds)
    text_of_word = np.searchsorted(first, starts, side="right") - 1
    counts = np.bincount(text_of_word, minlength=len(texts))
    wordless = [i for i in np.flatnonzero(counts == 0) if lowered[i].strip()]
    if wordless:
        for i in wordless:
            inside = slice(first[i], first[i + 1] - 1)
            kinds[inside] = np.where(codes[inside] > 32, _ALONE, _OTHER)
        starts, ends = _word_bounds(kinds)
        counts = np.bincount(np.searchsorted(first, starts, side="right") - 1, minlength=len(texts))
    return Words(_span_hashes(codes, starts, ends), np.concatenate([[0], np.cumsum(counts)]).astype(np.int64))


def _spaced_as_words(kinds: NDArray[np.uint8], first: NDArray[np.int64]) -> NDArray[np.uint8]:
    """A Chinese name in an English text is a word like any other: only texts mostly without spaces are taken apart."""
    alone = np.flatnonzero(kinds == _ALONE)
    if len(alone) == 0:
        return kinds
    text_of_sign = np.searchsorted(first, alone, side="right") - 1
    for text in np.unique(text_of_sign):
        inside = kinds[first[text] : first[text + 1]]
        if 2 * (inside == _ALONE).sum() < (inside != _OTHER).sum():
            inside[inside == _ALONE] = _WORD
    return kinds


def _word_bounds(kinds: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First and one-past-last position of each word."""
    word = kinds == _WORD
    after_word = np.zeros_like(word)
    after_word[1:] = word[:-1]
    suffix = kinds == _SUFFIX
    if suffix.any():
        first_sign = suffix & after_word
        second_sign = np.zeros_like(word)
        second_sign[1:] = suffix[1:] & first_sign[:-1]
        inside = word | first_sign | second_sign
    else:
        inside = word
    alone = kinds == _ALONE
    begins = (word & ~after_word) | alone
    inside = inside | alone
    goes_on = np.zeros_like(word)
    goes_on[:-1] = inside[1:] & ~begins[1:]
    return np.flatnonzero(begins), np.flatnonzero(inside & ~goes_on) + 1


def _span_hashes(codes: NDArray[np.uint32], starts: NDArray[np.int64], ends: NDArray[np.int64]) -> Hashes:
    """Polynomial hash modulo 2**64 of each span, through prefix sums, then mixed."""
    powers, inverses = _powers(len(codes))
    sums = np.zeros(len(codes) + 1, dtype=np.uint64)
    np.cumsum((codes.astype(np.uint64) + np.uint64(1)) * powers, out=sums[1:])
    return mix((sums[ends] - sums[starts]) * inverses[starts])


def mix(values: Hashes) -> Hashes:
    """The finaliser of SplitMix64 (Steele et al., 2014): every input bit reaches every output bit."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _powers(length: int) -> tuple[Hashes, Hashes]:
    if length <= CHARACTERS_PER_BLOCK * 2:
        powers, inverses = _usual_powers()
        return powers[:length], inverses[:length]
    return _power_series(_BASE, length), _power_series(_BASE_INVERSE, length)


@lru_cache(maxsize=1)
def _usual_powers() -> tuple[Hashes, Hashes]:
    length = CHARACTERS_PER_BLOCK * 2
    return _power_series(_BASE, length), _power_series(_BASE_INVERSE, length)


def _power_series(base: int, length: int) -> Hashes:
    series = np.full(length, base, dtype=np.uint64)
    series[:1] = 1
    return np.cumprod(series, dtype=np.uint64)


@lru_cache(maxsize=1)
def _kinds() -> NDArray[np.uint8]:
    """The kind of every code point."""
    kinds = np.zeros(0x110000, dtype=np.uint8)
    for match in re.finditer(r"\w+", "".join(map(chr, range(0x110000)))):
        kinds[match.start() : match.end()] = _WORD
    for low, high in _UNSPACED:
        kinds[low : high + 1][kinds[low : high + 1] == _WORD] = _ALONE
    kinds[[ord("+"), ord("#")]] = _SUFFIX
    return kinds


def _joined(left: Words, right: Words) -> Words:
    """Text `i` of the left, then text `i` of the right."""
    starts = left.starts + right.starts
    hashes = np.empty(len(left.hashes) + len(right.hashes), dtype=np.uint64)
    hashes[np.arange(len(left.hashes)) + np.repeat(right.starts[:-1], left.lengths)] = left.hashes
    hashes[np.arange(len(right.hashes)) + np.repeat(left.starts[1:], right.lengths)] = right.hashes
    return Words(hashes, starts)
