"""Many conversations -> Encoded, at about the cost of rendering and tokenising each once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from transformers import PreTrainedTokenizerBase

from sftctl.data.conversation import PLAIN_TEXT_ROLE
from sftctl.tokenization.config import TrainOn
from sftctl.tokenization.encode import Encoded, plain_text, refuse_missing_eot, tokenise
from sftctl.tokenization.layout import Layout, Shape, cores_of, learn_layout, shape_of
from sftctl.tokenization.literals import searched_literals
from sftctl.tokenization.refusal import MaskRefused
from sftctl.tokenization.rendering import TEMPLATE_FAILURES, Messages, Renderer, find_atoms
from sftctl.tokenization.spans import Span, find_spans

Tools = Sequence[Mapping[str, Any]]
Found = tuple[str, tuple[Span, ...]]

_ROWS_AT_ONCE = 512


@dataclass
class BatchEncoder:
    """One tokenizer and its options; the same result for every row as `encode_conversation`.

    It remembers the layout of every shape that it has met. A row is only masked by one if its rendering is that
    layout around its own contents, character by character; else it takes the slow way.
    """

    tokenizer: PreTrainedTokenizerBase
    train_on: TrainOn = "all_assistant"
    stop_tokens: Sequence[str] = ()
    allow_missing_eot: bool = False
    end_of_text: str | None = None
    """What ends a plain text; the tokenizer's eos where nothing else is said."""
    rows_the_slow_way: int = 0
    _layouts: dict[Shape, Layout] = field(default_factory=dict)

    def __post_init__(self) -> None:
        template = self.tokenizer.chat_template
        templates = template.values() if isinstance(template, dict) else [template or ""]
        self._literals = sorted({literal for text in templates for literal in searched_literals(text)})
        self._atoms: Callable[[str], list[tuple[int, int]]] = find_atoms(self.tokenizer)
        self._stops = [str(stop) for stop in (self.tokenizer.eos_token, *self.stop_tokens) if stop]

    def encode(
        self, conversations: Sequence[Messages], tools: Sequence[Tools] | None = None
    ) -> list[Encoded | MaskRefused]:
        """One result a row, in order; a row that cannot be exact gives its refusal."""
        results: list[Encoded | MaskRefused] = []
        for first in range(0, len(conversations), _ROWS_AT_ONCE):
            chunk = conversations[first : first + _ROWS_AT_ONCE]
            results += self._encode_chunk(chunk, tools[first : first + _ROWS_AT_ONCE] if tools else [()] * len(chunk))
        return results

    def _encode_chunk(self, conversations: Sequence[Messages], tools: Sequence[Tools]) -> list[Encoded | MaskRefused]:
        texts = self._render(conversations, tools)
        found: list[Found | MaskRefused] = []
        for messages, row_tools, text in zip(conversations, tools, texts, strict=True):
            try:
                found.append(self._mask(messages, row_tools, text))
            except MaskRefused as refusal:
                found.append(refusal)
        masked = [row for row in found if not isinstance(row, MaskRefused)]
        encoded = iter(tokenise([text for text, _ in masked], [spans for _, spans in masked], self.tokenizer))
        return [row if isinstance(row, MaskRefused) else next(encoded) for row in found]

    def _render(self, conversations: Sequence[Messages], tools: Sequence[Tools]) -> list[str | None]:
        """The plain renderings; None where a row must be rendered by itself: it has tools, or the template raises."""
        texts: list[str | None] = [None] * len(conversations)
        chats = [
            number
            for number, messages in enumerate(conversations)
            if not tools[number] and messages[0]["role"] != PLAIN_TEXT_ROLE
        ]
        if not chats:
            return texts
        try:
            rendered = self.tokenizer.apply_chat_template(
                [list(conversations[number]) for number in chats], tokenize=False
            )
        except TEMPLATE_FAILURES:
            # One row that cannot be rendered spoils the batch: each is then rendered, and reported, by itself.
            return texts
        for number, text in zip(chats, rendered, strict=True):
            texts[number] = text
        return texts

    def _mask(self, messages: Messages, tools: Tools, text: str | None) -> Found:
        if messages[0]["role"] == PLAIN_TEXT_ROLE:
            return plain_text(messages, self.tokenizer, self.end_of_text)
        if self.train_on == "all_tokens":
            raise MaskRefused("not_plain_text", "train_on: all_tokens is for plain text; this row is a conversation")
        render = Renderer(self.tokenizer, tools)
        text = render(messages) if text is None else text
        text, spans = self._spans(messages, tools, text, render)
        spans = spans if self.train_on == "all_assistant" else spans[-1:]
        if not self.allow_missing_eot:
            refuse_missing_eot(spans)
        return text, spans

    def _spans(self, messages: Messages, tools: Tools, text: str, render: Renderer) -> Found:
        """The rendering and its spans; a rendering of its own where the slow way had to look again."""
        shape = shape_of(messages, tools, self._literals)
        cores = cores_of(messages) if shape is not None else []
        keys = [] if shape is None else [shape, (shape, cores[0])]
        for key in keys:
            layout = self._layouts.get(key)
            known = layout.spans(text, cores) if layout is not None else None
            if known is not None:
                return text, known
        self.rows_the_slow_way += 1
        marked = find_spans(messages, render, self._atoms, self._stops)
        # A first message that the template rewrites, often a system message, is learned by its own words.
        for skipped, key in enumerate(keys):
            learned = learn_layout(marked, messages, render, skipped=skipped)
            if learned is not None:
                self._layouts[key] = learned
                break
        return marked.text, marked.spans
