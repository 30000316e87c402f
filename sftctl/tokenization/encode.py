"""Conversation -> input_ids and labels: exactly the assistant's tokens carry loss, or the row is refused."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from transformers import PreTrainedTokenizerBase

from sftctl.data.conversation import PLAIN_TEXT_ROLE
from sftctl.tokenization.config import TrainOn
from sftctl.tokenization.refusal import MaskRefused
from sftctl.tokenization.rendering import Messages, Renderer, find_atoms
from sftctl.tokenization.spans import Span, SpanFinder

__all__ = ["IGNORED", "Encoded", "MaskRefused", "Span", "encode_conversation"]

IGNORED = -100
"""The label that the cross-entropy leaves out."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """One row as the trainer reads it, with the text and character spans that people read."""

    input_ids: list[int]
    labels: list[int]
    text: str
    spans: tuple[Span, ...]


def encode_conversation(
    messages: Messages,
    tokenizer: PreTrainedTokenizerBase,
    *,
    tools: Sequence[Mapping[str, Any]] | None = None,
    train_on: TrainOn = "all_assistant",
    stop_tokens: Sequence[str] = (),
    allow_missing_eot: bool = False,
) -> Encoded:
    """Render, tokenise and mask one conversation.

    `stop_tokens` are texts that end a generation besides the tokenizer's eos (generation_config's list).
    Raises MaskRefused where the mask would be a guess, and where a trained turn has no terminator.
    """
    if messages[0]["role"] == PLAIN_TEXT_ROLE:
        text = messages[0]["content"] + str(tokenizer.eos_token or "")
        return _tokenise(text, (Span(0, 0, len(text), tokenizer.eos_token is not None, False),), tokenizer)
    if train_on == "all_tokens":
        raise MaskRefused("not_plain_text", "train_on: all_tokens is for plain text; this row is a conversation")
    stops = [stop for stop in (tokenizer.eos_token, *stop_tokens) if stop]
    found = SpanFinder(messages, Renderer(tokenizer, tools), find_atoms(tokenizer), stops).find()
    spans = found.spans if train_on == "all_assistant" else found.spans[-1:]
    if not allow_missing_eot:
        _refuse_missing_eot(spans)
    return _tokenise(found.text, spans, tokenizer)


def _refuse_missing_eot(spans: Sequence[Span]) -> None:
    for span in spans:
        if not span.has_eot:
            raise MaskRefused(
                "missing_eot",
                f"the chat template ends message {span.message} without an end-of-turn token, so a model trained on it "
                "would not learn to stop; choose data.chat_template, or set data.allow_missing_eot",
            )


def _tokenise(text: str, spans: tuple[Span, ...], tokenizer: PreTrainedTokenizerBase) -> Encoded:
    encoding = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    input_ids: list[int] = encoding["input_ids"]
    labels = [IGNORED] * len(input_ids)
    for position, (first, last) in enumerate(encoding["offset_mapping"]):
        for span in spans:
            # A token of no width stands behind a space that its offsets leave out.
            inside = span.start <= first and last <= span.end if first < last else span.start < first <= span.end
            if inside:
                labels[position] = input_ids[position]
    return Encoded(input_ids, labels, text, spans)
