"""Rows that say the same to the letter: the first stays, whatever source or column names the others came from."""

import json
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from sftctl.curate.verdicts import Decision
from sftctl.data.conversation import Conversation, Message

STAGE = "exact_duplicates"

_PLAIN_KEYS = {"role", "content"}


@dataclass(frozen=True, slots=True)
class Deduplicated:
    """Rows that stay, in their order, and a decision about each of the others."""

    kept: list[Conversation]
    decisions: list[Decision]


def drop_exact_duplicates(conversations: Sequence[Conversation]) -> Deduplicated:
    """Equal turns and tools, white space at the ends apart, make a copy."""
    first: dict[Hashable, str] = {}
    kept: list[Conversation] = []
    decisions: list[Decision] = []
    for row in conversations:
        original = first.setdefault(content_key(row), row.id)
        if original == row.id:
            kept.append(row)
        else:
            decisions.append(Decision(row.id, "rejected", STAGE, "exact_duplicate", original))
    return Deduplicated(kept, decisions)


def content_key(conversation: Conversation) -> Hashable:
    """Equal for rows that say the same."""
    tools = json.dumps(conversation.tools, sort_keys=True) if conversation.tools else ""
    return (tools, *(_turn_key(message) for message in conversation.messages))


def _turn_key(message: Message) -> Hashable:
    content = message["content"].strip()
    if message.keys() == _PLAIN_KEYS:
        return (message["role"], content)
    others = {key: value for key, value in message.items() if key not in _PLAIN_KEYS}
    return (message["role"], content, json.dumps(others, sort_keys=True))
