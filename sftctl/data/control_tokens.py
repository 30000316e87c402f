"""Control tokens inside what a user, a system prompt or a tool says: the model would obey them as its own."""

import re
from collections.abc import Sequence

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
"""Used where no tokenizer says which tokens it has. `<s>` and `</s>` are left out: they are HTML too."""


class ControlTokens:
    """Finds the first control token in a text; costs one scan for a single character in most texts."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self._starts = sorted({token[0] for token in tokens if token})
        longest_first = sorted((re.escape(token) for token in set(tokens) if token), key=len, reverse=True)
        self._pattern = re.compile("|".join(longest_first) or r"(?!)")

    def first_in(self, text: str) -> str | None:
        for start in self._starts:
            if start in text:
                found = self._pattern.search(text)
                return found.group() if found else None
        return None
