"""Conversation -> text through the tokenizer's chat template, with the template's failures in words."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import TemplateError
from transformers import PreTrainedTokenizerBase

from sftctl.data.chat_markers import SYMBOL
from sftctl.tokenization.refusal import MaskRefused

Messages = Sequence[Mapping[str, Any]]

# What a template raises by itself (raise_exception) or by assuming a shape that the row does not have.
TEMPLATE_FAILURES = (TemplateError, TypeError, ValueError, KeyError, IndexError, AttributeError)


@dataclass(frozen=True)
class Renderer:
    """The chat template of one tokenizer, applied with the tools of one row."""

    tokenizer: PreTrainedTokenizerBase
    tools: Sequence[Mapping[str, Any]] | None = None

    def __call__(self, messages: Messages, *, generation_prompt: bool = False) -> str:
        """The rendering. Raises MaskRefused (template_error) with the template's own words."""
        try:
            # A batch of one: the single form cannot render an empty conversation.
            rendered: list[str] = self.tokenizer.apply_chat_template(
                [list(messages)],
                tools=list(self.tools) if self.tools else None,
                tokenize=False,
                add_generation_prompt=generation_prompt,
            )
        except TEMPLATE_FAILURES as error:
            raise MaskRefused("template_error", f"the chat template cannot render this row: {error}") from error
        return rendered[0]

    def or_none(self, messages: Messages, *, generation_prompt: bool = False) -> str | None:
        """The rendering, or None where the template raises."""
        try:
            return self(messages, generation_prompt=generation_prompt)
        except MaskRefused:
            return None


def find_atoms(tokenizer: PreTrainedTokenizerBase) -> Callable[[str], list[tuple[int, int]]]:
    """A finder of the pieces of a text that must not be cut: special tokens and everything that looks like a marker."""
    special = sorted({str(token) for token in tokenizer.all_special_tokens}, key=len, reverse=True)
    pattern = re.compile("|".join([*(re.escape(token) for token in special if token), SYMBOL]))

    def find(text: str) -> list[tuple[int, int]]:
        return [match.span() for match in pattern.finditer(text)]

    return find


def common_length(one: str, other: str, atoms: Callable[[str], list[tuple[int, int]]]) -> int:
    """Characters that both texts begin with, cut back so that no atom of either is split."""
    shorter = min(len(one), len(other))
    length = next((i for i in range(shorter) if one[i] != other[i]), shorter)
    while (cut := min(_atom_start(text, length, atoms) for text in (one, other))) < length:
        length = cut
    return length


def _atom_start(text: str, at: int, atoms: Callable[[str], list[tuple[int, int]]]) -> int:
    """Where the atom begins that a cut at `at` would split; `at` itself where none would be."""
    start = max(0, at - 64)
    spans = atoms(text[start : at + 64])
    return next((start + first for first, last in spans if start + first < at < start + last), at)
