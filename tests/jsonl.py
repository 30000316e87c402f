"""Conversations as the text of train.jsonl, for tests that begin behind curation."""

import json
from collections.abc import Iterable

from sftctl.data.conversation import Conversation


def to_jsonl(conversations: Iterable[Conversation]) -> str:
    return "".join(json.dumps(row.to_json(), ensure_ascii=False) + "\n" for row in conversations)
