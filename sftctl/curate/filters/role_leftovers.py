"""Turn headings left inside a response: the writer went on and played the user too."""

import re
from typing import Literal

from pydantic import Field

from sftctl.curate.facts import CorpusFacts
from sftctl.curate.filters.rule import Action, Rule, responses
from sftctl.data.chat_markers import SPEAKERS, USER_NAMES
from sftctl.data.conversation import Conversation
from sftctl.pattern import Pattern

_USER = "|".join(USER_NAMES)
_ANYBODY = "|".join((*SPEAKERS, "AI", "Agent", "Bot"))
_TEMPLATE_NAMES = ("Instruction", *SPEAKERS)

_TEMPLATE_HEADING = Pattern(rf"^#{{2,3}} ?(?:{'|'.join(_TEMPLATE_NAMES)}) ?:", re.MULTILINE)
_ROLE_HEADING = Pattern(rf"^(?:{_ANYBODY}|Question|Q) ?:", re.MULTILINE)
_USER_TURN = Pattern(
    # Not an example that is announced, nor a record: a name and nothing else, or two more fields in the next lines.
    rf"(?<!:)\n[ \t]*\n ?(?:{_USER}):(?!:) ?(?=[^\n]*[?.!]|\S+ \S+ \S|[^\n]*\n\s*(?:{_ANYBODY}):)\S"
    rf"(?![^\n]*(?:\n(?!(?:{_ANYBODY}):)[A-Z][\w ]{{0,20}}: ?\S[^\n]*){{2}})"
)
_FIRST_SPEAKER = Pattern(rf"\s*(?!(?:{_ANYBODY}|Question|Q|Answer|A):)(\w[\w .]{{0,20}}): ?\S")
_OTHER_ENTRY = Pattern(rf"\n(?!(?:{_ANYBODY}|Question|Q|Answer|A):)[A-Z]\w{{0,20}}: \S")
_ANSWERER = Pattern(r"^(?:Assistant|AI|Agent|Bot) ?:", re.MULTILINE)
_FENCED = Pattern(r"^[ \t]*```.*?^[ \t]*```", re.MULTILINE | re.DOTALL)
_TALK = (
    *("dialog", "conversation", "chat", "script", "role", "interview", "exchange", "phone call", "skit", "scene"),
    *("few-shot", "few shot"),
)
_HEADING_AT_END = Pattern(rf"\n(?:{'|'.join(SPEAKERS)}):\s*\Z|[^\n]{{20,}}\n+(?:{_USER})\s*\Z")

_HEADINGS = (*USER_NAMES, *(f"{name}:" for name in SPEAKERS))
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
    named = "##" in text and any(name in text for name in _TEMPLATE_NAMES)
    return named and _TEMPLATE_HEADING.search(_FENCED.sub("", text)) is not None


def _plays_the_user(text: str) -> bool:
    if any(f"{name}:" in text for name in USER_NAMES) and (turn := _USER_TURN.search(text)):
        return not (_between_others(text) or _is_one_of_several_entries(text, turn.end()))
    end = text[-_END_CHARACTERS:].rstrip()
    return end.endswith(_HEADINGS) and _HEADING_AT_END.search(end) is not None


def _is_one_of_several_entries(text: str, after: int) -> bool:
    """A glossary of roles: another name and its text follow, and nobody answers."""
    return _OTHER_ENTRY.search(text, after) is not None and _ANSWERER.search(text) is None


def _between_others(text: str) -> bool:
    """A dialogue from its first line on, opened by somebody else, who speaks again."""
    first = _FIRST_SPEAKER.match(text)
    return first is not None and text.count(f"\n{first[1]}:") >= 1


def _dialogue(prompt: str) -> bool:
    """Asks for, or continues, a conversation with named speakers."""
    return bool(_ROLE_HEADING.search(prompt)) or any(word in prompt.lower() for word in _TALK)
