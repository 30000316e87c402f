"""What every filter has: an action, and a reason to judge by. One class a file; the union is in rules.py."""

from typing import Literal

from pydantic import Field

from sftctl.curate.facts import CorpusFacts
from sftctl.data.conversation import Conversation
from sftctl.section import Section

Action = Literal["drop", "flag", "off"]


class Rule(Section):
    """Fields are the options in the recipe; `judge` is the behaviour."""

    action: Action = Field("flag", description="drop the row, flag it in the report, or off")

    def judge(self, conversation: Conversation, facts: CorpusFacts) -> str | None:
        """A reason in words_with_underscores, from a small fixed set; None when the row is fine."""
        raise NotImplementedError


def responses(conversation: Conversation) -> list[str]:
    """The texts that are trained on: every assistant turn, or the whole of a plain text."""
    return [turn["content"] for turn in conversation.messages if turn["role"] in ("assistant", "document")]
