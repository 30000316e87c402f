"""The one record type: a conversation, where it came from, and what it carried besides."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NotRequired, TypedDict

from sftctl.errors import DataUnusable

Role = Literal["system", "user", "assistant", "tool", "document"]
SourceRole = Literal["domain", "general", "code", "safety"]

PLAIN_TEXT_ROLE: Role = "document"
"""The single turn of plain text: trained whole, without a chat template."""


class Message(TypedDict):
    """One turn, in the form that chat templates read."""

    role: Role
    content: str
    name: NotRequired[str]
    tool_calls: NotRequired[list[dict[str, Any]]]
    tool_call_id: NotRequired[str]
    reasoning_content: NotRequired[str]


@dataclass(frozen=True, slots=True)
class Conversation:
    """A row that can be trained on.

    `id` is stable: a hash of source name and content, `#2`, `#3` for equal rows of one source.
    `extra` keeps every column that is not part of the conversation, as it was read.
    """

    id: str
    messages: tuple[Message, ...]
    source: str
    role: SourceRole = "domain"
    tags: tuple[str, ...] = ()
    tools: tuple[dict[str, Any], ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def is_plain_text(self) -> bool:
        return self.messages[0]["role"] == PLAIN_TEXT_ROLE

    @property
    def prompt(self) -> str:
        """All turns before the last response, joined by newlines; empty for plain text."""
        return "\n".join(message["content"] for message in self.messages[:-1])

    @property
    def response(self) -> str:
        """The last turn: the response, or the whole of a plain text."""
        return self.messages[-1]["content"]

    def to_json(self) -> dict[str, Any]:
        """The form of train.jsonl and held_out.jsonl: `messages` first, so that any tool can read it."""
        row: dict[str, Any] = {"id": self.id, "messages": list(self.messages), "source": self.source, "role": self.role}
        if self.tools:
            row["tools"] = list(self.tools)
        if self.tags:
            row["tags"] = list(self.tags)
        if self.extra:
            row["extra"] = self.extra
        return row

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> "Conversation":
        """The inverse of `to_json`."""
        return cls(
            id=row["id"],
            messages=tuple(row["messages"]),
            source=row["source"],
            role=row["role"],
            tags=tuple(row.get("tags", ())),
            tools=tuple(row.get("tools", ())),
            extra=row.get("extra", {}),
        )


def content_hash(messages: Iterable[Message], tools: Sequence[Mapping[str, Any]] = ()) -> str:
    """16 hex digits of SHA-256 over turns and tools; equal for equal conversations whatever their source."""
    described = json.dumps(tools, sort_keys=True, ensure_ascii=False) if tools else ""
    return _digest(described + _canonical(messages))


def conversation_id(source: str, messages: Iterable[Message]) -> str:
    """16 hex digits of SHA-256 over the source's name and the turns."""
    return _digest(f"{source}\0{_canonical(messages)}")


def raw_row_id(source: str, row: Mapping[str, Any]) -> str:
    """16 hex digits of SHA-256 over the source's name and a raw row that is no conversation."""
    return _digest(f"{source}\0{json.dumps(row, sort_keys=True, ensure_ascii=False, default=str)}")


def _canonical(messages: Iterable[Message]) -> str:
    """A text that only equal turns have: each part behind its length. Half the cost of reading is JSON, so not JSON."""
    parts = []
    for message in messages:
        content = message["content"]
        parts.append(f"{message['role']}:{len(content)}:{content}")
        if len(message) > 2:
            others = {key: value for key, value in message.items() if key not in ("role", "content")}
            text = json.dumps(others, sort_keys=True, ensure_ascii=False)
            parts.append(f"+{len(text)}:{text}")
    return "".join(parts)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def read_conversations(path: Path) -> Iterator[Conversation]:
    """Rows of a file that sftctl wrote itself (train.jsonl, held_out.jsonl). Raises DataUnusable at any other row."""
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                row = Conversation.from_json(json.loads(line))
                known = all(message["role"] and type(message["content"]) is str for message in row.messages)
            except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as problem:
                raise _not_ours(path, number) from problem
            if not known or not row.messages:
                raise _not_ours(path, number)
            yield row


def _not_ours(path: Path, line: int) -> DataUnusable:
    return DataUnusable(
        f"{path}:{line}: no row as sftctl writes it, with id, messages, source and role. Name the held_out.jsonl or "
        "train.jsonl of a run"
    )
