"""Responses that begin by saying the prompt again."""

from typing import Literal

from pydantic import Field

from sftctl.curate.facts import CorpusFacts
from sftctl.curate.filters.rule import Rule
from sftctl.curate.script_lengths import PER_WORD_CHARACTER, english_length
from sftctl.data.conversation import Conversation
from sftctl.pattern import Pattern

_NOT_WORD = Pattern(r"[^\w]+")
_CODE_BEGUN = Pattern(
    r"\s*(?:(?:async )?def |class |import |from \w+ import |#include|#!|public |private |static |function |fn |func "
    r"|package |const |let |var |@\w+|//|/\*|<\?php|```)"
)
"""Code to be gone on with: a whole function begins with the line that was given."""


class PromptEcho(Rule):
    """Compares words only: case, spaces and marks do not hide an echo. A Chinese character counts as three."""

    rule: Literal["prompt_echo"] = "prompt_echo"
    min_characters: int = Field(
        40, ge=1, description="fewest letters and digits of the prompt that the response must repeat"
    )

    def judge(self, conversation: Conversation, facts: CorpusFacts) -> str | None:
        if len(conversation.messages) < 2:
            return None
        prompt = conversation.messages[-2]["content"]
        response = conversation.response
        if PER_WORD_CHARACTER * len(response) < self.min_characters or not _shares_first_word(prompt, response):
            return None
        said = _NOT_WORD.sub(" ", prompt).strip().casefold()
        answer = _NOT_WORD.sub(" ", response[: 2 * len(prompt) + 100]).strip().casefold()
        if english_length(said) < self.min_characters or _CODE_BEGUN.match(prompt):
            return None
        if answer.startswith(said):
            return "repeats_the_prompt"
        return None


def _shares_first_word(prompt: str, response: str) -> bool:
    first = _NOT_WORD.split(prompt[:80].lstrip(), maxsplit=1)[0].casefold()
    return first in response[:80].casefold()
