"""Chooses the rows that are never trained on, before any filter looks at a row."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence

from sftctl.curate.config import HoldOutConfig
from sftctl.curate.verdicts import Decision
from sftctl.data.conversation import Conversation

STAGE = "hold_out"

MAX_SHARE = 0.2
"""At most this share of a role's rows is held out."""


def choose_held_out(conversations: Sequence[Conversation], config: HoldOutConfig) -> list[Decision]:
    """By hash of the user turns, so that a rerun on a grown file keeps the same rows out."""
    by_role: dict[str, list[Conversation]] = defaultdict(list)
    for row in conversations:
        by_role[row.role].append(row)
    decisions = []
    for rows in by_role.values():
        quota = min(config.rows, int(len(rows) * MAX_SHARE))
        decisions += [Decision(row.id, "held_out", STAGE) for row in sorted(rows, key=user_hash)[:quota]]
    return decisions


def user_hash(conversation: Conversation) -> str:
    """SHA-256 of what the user said; of the text itself for plain text."""
    turns = [message["content"] for message in conversation.messages if message["role"] in ("user", "document")]
    return hashlib.sha256("\x1e".join(turns).encode("utf-8", "surrogatepass")).hexdigest()
