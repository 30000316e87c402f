"""Turn headings left inside a response: the writer went on and played the user too."""

import re
from typing import Literal

from pydantic import Field

from sftctl.curate.facts import CorpusFacts
from sftctl.curate.filters.rule import Action, Rule, responses
from sftctl.data.conversation import Conversation

_TEMPLATE_HEADING = re.compile(r"^#{2,3} ?(?:Instruction|Response|Input|Human|User|Assistant)\b ?:", re.MULTILINE)
_ROLE_HEADING = re.compile(r"^(?:Human|User|Assistant|AI|Agent|Bot|Question|Q) ?:", re.MULTILINE)
_USER_TURN = re.compile(r"\n\s*\n ?(?:Human|User): ?\S")
_HEADING_AT_END = re.compile(r"\n(?:Human|User|Assistant):\s*\Z|[^\n]{20,}\n+(?:Human|User)\s*\Z")


class RoleLeftovers(Rule):
    """Headings of a template or a chat log, unless the prompt has such headings itself."""

    rule: Literal["role_leftovers"] = "role_leftovers"
    action: Action = Field("drop", description="drop the row, flag it in the report, or off")

    def judge(self, conversation: Conversation, facts: CorpusFacts) -> str | None:
        for text in responses(conversation):
            if "##" in text and _TEMPLATE_HEADING.search(text) and not _TEMPLATE_HEADING.search(conversation.prompt):
                return "template_heading_inside"
            if ("User" in text or "Human" in text or "Assistant" in text) and (
                _USER_TURN.search(text) or _HEADING_AT_END.search(text)
            ):
                return None if _dialogue(conversation.prompt) else "plays_the_user"
        return None


def _dialogue(prompt: str) -> bool:
    """Asks for, or continues, a conversation with named speakers."""
    return bool(_ROLE_HEADING.search(prompt)) or any(
        word in prompt.lower() for word in ("dialog", "conversation", "chat", "script", "role", "interview")
    )
