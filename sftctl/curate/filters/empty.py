"""Rows without a response."""

from typing import Literal

from pydantic import Field

from sftctl.curate.facts import CorpusFacts
from sftctl.curate.filters.rule import Action, Rule
from sftctl.data.conversation import Conversation

_INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff \n\t"
"""White space, to a reader, that Python does not count as such."""


class EmptyResponse(Rule):
    """Drops rows in which a response is blank; a tool call without words is a response."""

    rule: Literal["empty"] = "empty"
    action: Action = Field("drop", description="drop the row, flag it in the report, or off")

    def judge(self, conversation: Conversation, facts: CorpusFacts) -> str | None:
        for turn in conversation.messages:
            if turn["role"] in ("assistant", "document") and _is_blank(turn["content"]) and not turn.get("tool_calls"):
                return "empty_response"
        return None


def _is_blank(text: str) -> bool:
    return not text.strip() or not text.strip(_INVISIBLE)
