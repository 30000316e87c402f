"""Rows without a response."""

from typing import Literal

from pydantic import Field

from sftctl.curate.facts import CorpusFacts
from sftctl.curate.filters.rule import Action, Rule
from sftctl.data.conversation import Conversation


class EmptyResponse(Rule):
    """Drops rows in which a response is blank; a tool call without words is a response."""

    rule: Literal["empty"] = "empty"
    action: Action = Field("drop", description="drop the row, flag it in the report, or off")

    def judge(self, conversation: Conversation, facts: CorpusFacts) -> str | None:
        for turn in conversation.messages:
            if turn["role"] in ("assistant", "document") and not turn["content"].strip() and not turn.get("tool_calls"):
                return "empty_response"
        return None
