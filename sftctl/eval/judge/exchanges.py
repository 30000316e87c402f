"""Every request that was sent to the judge and what came of it, in judge.jsonl: so that a kill costs nothing twice."""

import threading
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sftctl.eval.judge.reply import JudgeReply, Tokens
from sftctl.journal import Journal


class Exchanges:
    """Requests are found again by a key of their content. Each line is on disk before its method returns.

    A request is marked before it is sent. One that is marked and has neither a reply nor a failure behind it was under
    way when its process was killed: the server may have answered it and have it paid for.
    """

    def __init__(self, path: Path) -> None:
        self._journal = Journal(path)
        self._lock = threading.Lock()
        self._replies: dict[str, JudgeReply] = {}
        self._billed: list[Tokens] = []
        under_way: dict[str, Tokens] = {}
        for entry in self._journal.read():
            key, former = entry["key"], under_way.pop(entry["key"], None)
            if "sent" in entry:
                self._billed += [former] if former is not None else []
                under_way[key] = Tokens(**entry["sent"])
            elif "failed" in entry:
                self._billed += [Tokens(**entry["billed"])] if entry["billed"] is not None else []
            else:
                self._replies[key] = JudgeReply(**entry["reply"])
                self._billed.append(self._replies[key].tokens)
        self._billed += under_way.values()
        self.interrupted = frozenset(under_way)

    @property
    def billed(self) -> list[Tokens]:
        """What was paid before this start, or may have been: a send that nobody saw the end of counts at its most."""
        return list(self._billed)

    def reply(self, key: str) -> JudgeReply | None:
        """The reply under the key; None where there is none yet."""
        with self._lock:
            return self._replies.get(key)

    def sending(self, key: str, about: Mapping[str, Any], most: Tokens) -> None:
        """Mark a request; `about` says in the file what is asked, `most` what it can come to."""
        self._journal.append([{"key": key, **about, "sent": asdict(most)}])

    def failed(self, key: str, reason: str, billed: Tokens | None) -> None:
        """The marked request may be sent again: its failure was seen."""
        entry = {"key": key, "failed": reason, "billed": asdict(billed) if billed is not None else None}
        self._journal.append([entry])

    def answered(self, key: str, about: Mapping[str, Any], reply: JudgeReply) -> None:
        """Keep the reply to the marked request."""
        self._journal.append([{"key": key, **about, "reply": asdict(reply)}])
        with self._lock:
            self._replies[key] = reply
