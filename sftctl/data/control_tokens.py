"""Control tokens inside what a user, a system prompt or a tool says: the model would obey them as its own."""

import itertools
import re
from collections.abc import Iterable

WELL_KNOWN: tuple[str, ...] = (
    "<|im_start|>",
    "<|im_end|>",
    "<|endoftext|>",
    "<|begin_of_text|>",
    "<|end_of_text|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|python_tag|>",
    "<|system|>",
    "<|user|>",
    "<|assistant|>",
    "<|end|>",
    "<|return|>",
    "<|start|>",
    "<|message|>",
    "<|channel|>",
    "<|END_OF_TURN_TOKEN|>",
    "<|START_OF_TURN_TOKEN|>",
    "<start_of_turn>",
    "<end_of_turn>",
    "[INST]",
    "[/INST]",
    "<<SYS>>",
    "<</SYS>>",
)
"""Looked for whatever the tokenizer is: the data may have been rendered for another. `<s>` and `</s>` are HTML too."""


class ControlTokens:
    """Finds the first control token in a text; costs one scan for a single character in most texts."""

    def __init__(self, tokens: Iterable[str]) -> None:
        # Grouped by how they begin, so that a thousand reserved tokens cost a `<` no more than ten.
        known = sorted({token for token in tokens if token}, key=lambda token: (token[:2], -len(token)))
        groups = itertools.groupby(known, key=lambda token: token[:2])
        alternatives = [f"{re.escape(begin)}(?:{'|'.join(re.escape(t[2:]) for t in group)})" for begin, group in groups]
        self._starts = sorted({token[0] for token in known})
        self._pattern = re.compile("|".join(alternatives) or r"(?!)")

    def first_in(self, text: str) -> str | None:
        for start in self._starts:
            if start in text:
                found = self._pattern.search(text)
                return found.group() if found else None
        return None
