"""Conversations coloured by what is trained, for the terminal and the report."""

import html
from collections.abc import Iterator
from typing import NamedTuple

from rich.text import Text

from sftctl.console import safe
from sftctl.tokenization.encode import Encoded

_TRAINED_STYLE = "bold green"
_MASKED_STYLE = "dim"


class Piece(NamedTuple):
    """A stretch of a rendering that is trained, or not."""

    text: str
    trained: bool


def pieces(encoded: Encoded) -> Iterator[Piece]:
    """The rendering in stretches, in order and without gaps."""
    position = 0
    for span in sorted(encoded.spans, key=lambda span: span.start):
        if span.start > position:
            yield Piece(encoded.text[position : span.start], False)
        yield Piece(encoded.text[span.start : span.end], True)
        position = span.end
    if position < len(encoded.text):
        yield Piece(encoded.text[position:], False)


def preview_terminal(encoded: Encoded, *, max_characters: int = 2000) -> Text:
    """Trained text bold green, all else dim; control characters made visible, and a long row cut with a note."""
    drawn = Text()
    for piece in _cut(encoded, max_characters):
        drawn.append(safe(piece.text), style=_TRAINED_STYLE if piece.trained else _MASKED_STYLE)
    _note(drawn, len(encoded.text) - max_characters)
    return drawn


def preview_html(encoded: Encoded, *, max_characters: int = 4000) -> str:
    """The same as escaped <span>s of class `trained` or `masked`, in one element that keeps its line breaks."""
    spans = [
        f'<span class="{"trained" if piece.trained else "masked"}">{html.escape(safe(piece.text))}</span>'
        for piece in _cut(encoded, max_characters)
    ]
    left = len(encoded.text) - max_characters
    note = f'<span class="masked">… {left:,} characters more</span>' if left > 0 else ""
    return f'<div class="mask-preview" style="white-space: pre-wrap">{"".join(spans)}{note}</div>'


def _cut(encoded: Encoded, max_characters: int) -> Iterator[Piece]:
    left = max_characters
    for piece in pieces(encoded):
        if left <= 0:
            return
        yield Piece(piece.text[:left], piece.trained)
        left -= len(piece.text)


def _note(drawn: Text, left: int) -> None:
    if left > 0:
        drawn.append(f"… {left:,} characters more", style=_MASKED_STYLE)
