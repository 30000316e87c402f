"""Turn headings left inside a response: the writer went on and played the user too."""

import re
from typing import Literal

from pydantic import Field

from sftctl.curate.facts import CorpusFacts
from sftctl.curate.filters.rule import Action, Rule, responses
from sftctl.data.conversation import Conversation
from sftctl.pattern import Pattern

_TEMPLATE_HEADING = Pattern(r"^#{2,3} ?(?:Instruction|Human|User|Assistant) ?:", re.MULTILINE)
_ROLE_HEADING = Pattern(r"^(?:Human|User|Assistant|AI|Agent|Bot|Question|Q) ?:", re.MULTILINE)
_USER_TURN = Pattern(
    # Not a record, whose next two lines are other fields.
    r"\n[ \t]*\n ?(?:Human|User): ?\S"
    r"(?![^\n]*(?:\n(?!(?:Assistant|AI|Agent|Bot|Human|User):)[A-Z][\w ]{0,20}: ?\S[^\n]*){2})"
)
_HEADING_AT_END = Pattern(r"\n(?:Human|User|Assistant):\s*\Z|[^\n]{20,}\n+(?:Human|User)\s*\Z")


_NAMES = ("Instruction", "Human", "User", "Assistant")
_HEADINGS = ("User", "Human", "User:", "Human:", "Assistant:")
_END_CHARACTERS = 100


class RoleLeftovers(Rule):
    """Headings of a template or a chat log, unless the prompt has such headings itself."""

    rule: Literal["role_leftovers"] = "role_leftovers"
    action: Action = Field("drop", description="drop the row, flag it in the report, or off")

    def judge(self, conversation: Conversation, facts: CorpusFacts) -> str | None:
        if conversation.is_plain_text:
            return None
        for text in responses(conversation):
            if _template_heading(text) and not _template_heading(conversation.prompt):
                return "template_heading_inside"
            if _plays_the_user(text) and not _dialogue(conversation.prompt):
                return "plays_the_user"
        return None


def _template_heading(text: str) -> bool:
    named = "##" in text and any(name in text for name in _NAMES)
    return named and _TEMPLATE_HEADING.search(text) is not None


def _plays_the_user(text: str) -> bool:
    if ("User:" in text or "Human:" in text) and _USER_TURN.search(text):
        return True
    end = text[-_END_CHARACTERS:].rstrip()
    return end.endswith(_HEADINGS) and _HEADING_AT_END.search(end) is not None


def _dialogue(prompt: str) -> bool:
    """Asks for, or continues, a conversation with named speakers."""
    return bool(_ROLE_HEADING.search(prompt)) or any(
        word in prompt.lower() for word in ("dialog", "conversation", "chat", "script", "role", "interview")
    )
