"""How much a text says, in letters of English: scripts that write a word in one or two characters are not short."""

from sftctl.pattern import Pattern

_FEW = 1.1
"""Bytes a character, below which a text holds so few of them that they need not be counted."""

_WORDS = Pattern(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]+")
_SYLLABLES = Pattern(r"[\uac00-\ud7a3]+")

PER_WORD_CHARACTER, PER_SYLLABLE = 3, 2
"""A character of Han, and a Hangul syllable, in letters; kana count as letters. Measured on translated messages."""


def english_length(text: str) -> int:
    """Characters that the text would about have in English; of alphabets, the characters that it has."""
    if text.isascii() or len(text.encode("utf-8", "surrogatepass")) < _FEW * len(text):
        return len(text)
    words = sum(map(len, _WORDS.findall(text)))
    syllables = sum(map(len, _SYLLABLES.findall(text)))
    return len(text) + (PER_WORD_CHARACTER - 1) * words + (PER_SYLLABLE - 1) * syllables
