"""Control tokens inside what a user, a system prompt or a tool says: the model would obey them as its own."""

import re
from collections.abc import Iterable

from sftctl.data.chat_markers import any_of


class ControlTokens:
    """Finds the first control token in a text; costs one scan for a single character in most texts."""

    def __init__(self, tokens: Iterable[str]) -> None:
        known = [token for token in tokens if token]
        self._starts = sorted({token[0] for token in known})
        self._pattern = re.compile(any_of(known))

    def first_in(self, text: str) -> str | None:
        for start in self._starts:
            if start in text:
                found = self._pattern.search(text)
                return found.group() if found else None
        return None
