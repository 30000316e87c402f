"""Control tokens inside a text, well-known ones and the tokenizer's own, which repair could not take off an end."""

from typing import Literal

from pydantic import Field

from sftctl.curate.facts import CorpusFacts
from sftctl.curate.filters.rule import Action, Rule
from sftctl.data.chat_markers import CONTROL_TOKENS, WIDE_BARRED, any_of
from sftctl.data.conversation import Conversation
from sftctl.pattern import Pattern

_CONTROL = Pattern(f"{any_of(CONTROL_TOKENS)}|{WIDE_BARRED}")


class SpecialTokens(Rule):
    """A control token in the middle means that two rows ran into one, or that a template was rendered twice."""

    rule: Literal["special_tokens"] = "special_tokens"
    action: Action = Field("drop", description="drop the row, flag it in the report, or off")

    def judge(self, conversation: Conversation, facts: CorpusFacts) -> str | None:
        for turn in conversation.messages:
            text = turn["content"]
            if ("<" in text or "[" in text) and _CONTROL.search(text):
                return "special_token_inside"
            if turn["role"] in ("assistant", "document") and facts.control_tokens.first_in(text):
                return "special_token_inside"
        return None
