"""Replies that were paid for: one JSON object a line in judge.jsonl, found again by the content of the question."""

import json
import os
import threading
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sftctl.eval.judge.client import JudgeReply
from sftctl.run_dir import storage_errors


class ReplyCache:
    """Safe to use from several threads; a reply is on disk before `put` returns."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._replies: dict[str, JudgeReply] = {}
        for line in _whole_lines(path):
            entry = json.loads(line)
            self._replies[entry["key"]] = JudgeReply(**entry["reply"])

    @property
    def replies(self) -> list[JudgeReply]:
        """All that was ever paid for in this run."""
        with self._lock:
            return list(self._replies.values())

    def get(self, key: str) -> JudgeReply | None:
        """The reply under the key; None where there is none yet."""
        with self._lock:
            return self._replies.get(key)

    def put(self, key: str, about: Mapping[str, Any], reply: JudgeReply) -> None:
        """Append; `about` says in the file what was asked."""
        entry = {"key": key, **about, "reply": asdict(reply)}
        line = (json.dumps(entry, ensure_ascii=False) + "\n").encode("utf-8", "surrogatepass")
        with self._lock, storage_errors(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("ab") as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
            self._replies[key] = reply


def _whole_lines(path: Path) -> list[bytes]:
    """Lines of the file; a last one that a kill has torn is cut off, so that the next append starts clean."""
    if not path.exists():
        return []
    with storage_errors(path):
        content = path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            os.truncate(path, len(whole))
    return whole.splitlines()
