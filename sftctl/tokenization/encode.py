"""Conversation -> input_ids and labels: exactly the assistant's tokens carry loss, or the row is refused."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from transformers import PreTrainedTokenizerBase

from sftctl.data.conversation import PLAIN_TEXT_ROLE
from sftctl.tokenization.config import TrainOn
from sftctl.tokenization.refusal import MaskRefused
from sftctl.tokenization.rendering import Messages, Renderer, find_atoms
from sftctl.tokenization.rows import NOT_TRAINED
from sftctl.tokenization.spans import Span, find_spans


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
        text, spans = plain_text(messages, tokenizer)
        return tokenise([text], [spans], tokenizer)[0]
    if train_on == "all_tokens":
        raise MaskRefused("not_plain_text", "train_on: all_tokens is for plain text; this row is a conversation")
    stops = [str(stop) for stop in (tokenizer.eos_token, *stop_tokens) if stop]
    found = find_spans(messages, Renderer(tokenizer, tools), find_atoms(tokenizer), stops)
    spans = found.spans if train_on == "all_assistant" else found.spans[-1:]
    if not allow_missing_eot:
        refuse_missing_eot(spans)
    return tokenise([found.text], [spans], tokenizer)[0]


def refuse_missing_eot(spans: Sequence[Span]) -> None:
    """Raises MaskRefused for a turn without a terminator."""
    for span in spans:
        if not span.has_eot:
            raise MaskRefused(
                "missing_eot",
                f"the chat template ends message {span.message} without an end-of-turn token, so a model trained on it "
                "would not learn to stop; choose data.chat_template, or set data.allow_missing_eot",
            )


def plain_text(
    messages: Messages, tokenizer: PreTrainedTokenizerBase, end: str | None = None
) -> tuple[str, tuple[Span, ...]]:
    """Plain text as it is trained: whole, eos (or `end`) behind it, and bos before it where the tokenizer adds one."""
    end = end or str(tokenizer.eos_token or "")
    bos = str(tokenizer.bos_token) if adds_bos(tokenizer) else ""
    text = bos + messages[0]["content"] + end
    return text, (Span(0, len(bos), len(text), bool(end), False),)


def adds_bos(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether the model has seen its bos before every text."""
    return tokenizer.bos_token_id is not None and tokenizer("a")["input_ids"][:1] == [tokenizer.bos_token_id]


def tokenise(
    texts: Sequence[str], spans: Sequence[tuple[Span, ...]], tokenizer: PreTrainedTokenizerBase
) -> list[Encoded]:
    """Ids, and labels where a token lies wholly inside a span; a token astride an edge carries no loss."""
    if not texts:
        return []
    encoding = tokenizer(list(texts), add_special_tokens=False, return_offsets_mapping=True)
    return [
        Encoded(input_ids, _labels(input_ids, offsets, row_spans), text, row_spans)
        for input_ids, offsets, text, row_spans in zip(
            encoding["input_ids"], encoding["offset_mapping"], texts, spans, strict=True
        )
    ]


def _labels(input_ids: list[int], offsets: Sequence[tuple[int, int]], spans: Sequence[Span]) -> list[int]:
    labels = [NOT_TRAINED] * len(input_ids)
    for span in spans:
        # Offsets only grow, so the tokens of a span are found by halving, and looked at near its edges only.
        first = bisect_left(offsets, (span.start, 0))
        last = bisect_left(offsets, (span.end, 0), first)
        while first < last and offsets[first] == (span.start, span.start):
            # A token of no width stands behind a space that its offsets leave out: here, behind one of the prompt.
            first += 1
        while first < last and offsets[last - 1][1] > span.end:
            last -= 1
        while span.start < span.end and last < len(offsets) and offsets[last] == (span.end, span.end):
            last += 1
        labels[first:last] = input_ids[first:last]
    return labels
