"""Responses in a language that the source is not made of, and that nobody asked for."""

import re
from typing import Literal

from pydantic import Field

from sftctl.curate.facts import CorpusFacts
from sftctl.curate.filters.rule import Rule
from sftctl.curate.language import UNKNOWN, guess_language
from sftctl.data.conversation import Conversation
from sftctl.pattern import Pattern

_NAMES = (
    "french|german|spanish|italian|portuguese|dutch|polish|russian|ukrainian|czech|bulgarian|serbian|norwegian|catalan"
    "|arabic|persian|farsi|urdu|thai|chinese|mandarin|cantonese|japanese|korean|hindi|turkish|swedish|danish"
    "|vietnamese|indonesian|malay|latin|greek|hebrew"
)
_LANGUAGE_ASKED = Pattern(
    rf"\btranslat|\blanguage\b|\bin the original\b|\b(?:in|into|to|for) (?:{_NAMES})\b"
    rf"|\b(?:{_NAMES}) (?:version|words?|phrase|sentence|text|equivalent|poem|song|letter)\b"
    r"|übersetz|vertaal|tradui|traduc|traduz|tradur|przetłumacz|перевед|перекл|översätt|oversæt|oversett|terjemah"
    r"|çevir|\bdịch\b|翻译|翻譯|訳|번역|अनुवाद|ترجم|תרגם|μετάφρα",
    re.IGNORECASE,
)


class OtherLanguage(Rule):
    """Flags a response whose language is neither expected, nor the prompt's own, nor asked for."""

    rule: Literal["language"] = "language"
    expected: tuple[str, ...] = Field(
        (), description="two-letter codes of the languages that may occur; none: those of at least 5 % of the source"
    )

    def judge(self, conversation: Conversation, facts: CorpusFacts) -> str | None:
        found = facts.language(conversation)
        usual = self.expected or facts.usual_languages.get(conversation.source, frozenset())
        if found == UNKNOWN or found in usual:
            return None
        prompt = conversation.prompt
        if _LANGUAGE_ASKED.search(prompt) or guess_language(prompt) in (found, UNKNOWN):
            return None
        return "other_language"
