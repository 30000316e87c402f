"""What a template writes around the texts of one shape of conversation: learned once, checked on every row."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

from sftctl.tokenization.fields import FIRST_SENTINEL, call_shapes, core, fields_of, mark_field_ends
from sftctl.tokenization.rendering import Messages, Renderer
from sftctl.tokenization.spans import Marked, Span

Shape = tuple[Any, ...]
"""Everything of a row that may change what its template writes, besides the texts themselves."""

# Values of these only show in the text between the fields, which is compared.
_COMPARED_KEYS = frozenset({"role", "content", "reasoning_content", "tool_calls", "tool_call_id", "name"})
_SENTINEL = re.compile("[\U00100000-\U0010fffd]")


class Anchor(NamedTuple):
    """A position in a rendering: so many characters behind the start of the `gap`-th gap."""

    gap: int
    offset: int


@dataclass(frozen=True, slots=True)
class _Turn:
    message: int
    start: Anchor
    end: Anchor
    has_eot: bool
    diverges: bool
    field: int
    """The field that the turn starts in or before, by its place in `order`."""
    opening: str
    """What that field must begin with: the part of it that the generation prompt writes, most often nothing."""
    unlike: str
    """What that field must not go on with: there, inference and rendering would part later."""

    def fits(self, texts: Sequence[str]) -> bool:
        if self.field >= len(texts):
            return True
        text = texts[self.field]
        return text.startswith(self.opening) and not (self.unlike and text.startswith(self.opening + self.unlike))


@dataclass(frozen=True, slots=True)
class Layout:
    """The text of every gap between fields, and where in the gaps the turns start and end."""

    gaps: tuple[str, ...]
    order: tuple[int, ...]
    turns: tuple[_Turn, ...]

    def spans(self, text: str, cores: Sequence[str]) -> tuple[Span, ...] | None:
        """The spans of a row of this shape; None where its rendering is not these gaps around its own texts."""
        texts = [cores[number] for number in self.order]
        pieces = [self.gaps[0]]
        for own, gap in zip(texts, self.gaps[1:], strict=True):
            pieces += (own, gap)
        if "".join(pieces) != text or not all(turn.fits(texts) for turn in self.turns):
            return None
        starts = [0]
        for own, gap in zip(texts, self.gaps[:-1], strict=True):
            starts.append(starts[-1] + len(gap) + len(own))
        return tuple(
            Span(
                turn.message,
                starts[turn.start.gap] + turn.start.offset,
                starts[turn.end.gap] + turn.end.offset,
                turn.has_eot,
                turn.diverges,
            )
            for turn in self.turns
        )


def shape_of(messages: Messages, tools: Sequence[Mapping[str, Any]] | None, literals: Sequence[str]) -> Shape | None:
    """The shape of a row; None for one that carries what has no place in it, which is encoded the slow way."""
    parts: list[Any] = [json.dumps(list(tools)) if tools else None]
    for message in messages:
        if not isinstance(message.get("content") or "", str) or not _COMPARED_KEYS.issuperset(message):
            return None
        fields = fields_of(message)
        parts.append((message["role"], tuple(message), call_shapes(message.get("tool_calls"))))
        parts.append(tuple([_field_shape(text, literals) for text in fields]))
    return tuple(parts)


def _field_shape(text: str, literals: Sequence[str]) -> tuple[Any, ...]:
    inner = core(text)
    lead = text[: text.find(inner)] if inner else text
    folded = text.casefold() if literals else ""
    occurring = tuple([word for word in literals if word in folded])
    return lead, text[len(lead) + len(inner) :], bool(inner), occurring


def cores_of(messages: Messages) -> list[str]:
    """The fields of all messages without their edge whitespace, in order."""
    return [core(text) for message in messages for text in fields_of(message)]


def learn_layout(marked: Marked, messages: Messages, render: Renderer, *, skipped: int = 0) -> Layout | None:
    """The layout of a row that was masked the slow way; None where a field is not rendered as it is, once.

    The fields of the first `skipped` messages are taken for the template's own text.
    """
    cores = cores_of(messages)
    edges = _field_edges(marked.text, cores, render.or_none(mark_field_ends(messages, skipped)))
    if edges is None or any(end > start for (_, end, _), (start, _, _) in pairwise(edges)):
        return None
    bounds = [0, *(position for start, end, _ in edges for position in (start, end)), len(marked.text)]
    gaps = list(zip(bounds[::2], bounds[1::2], strict=True))
    turns = []
    for span, unlike in zip(marked.spans, marked.unlike, strict=True):
        # The last gap that begins at or before the position: what is left over of the offset lies in a field.
        gap = max(number for number, (first, _) in enumerate(gaps) if first <= span.start)
        offset = span.start - gaps[gap][0]
        opening = marked.text[gaps[gap][1] : span.start]
        end = next(
            (Anchor(n, span.end - first) for n, (first, last) in enumerate(gaps) if first <= span.end <= last), None
        )
        if end is None:
            return None
        start = Anchor(gap, offset)
        turns.append(_Turn(span.message, start, end, span.has_eot, span.diverges, gap, opening, unlike))
    texts = tuple(marked.text[first:last] for first, last in gaps)
    return Layout(texts, tuple(number for _, _, number in edges), tuple(turns))


def _field_edges(text: str, cores: Sequence[str], marked: str | None) -> list[tuple[int, int, int]] | None:
    """Start, end and number of every field that is rendered, in order of the rendering."""
    if marked is None or _SENTINEL.sub("", marked) != text:
        return None
    edges = []
    for removed, match in enumerate(_SENTINEL.finditer(marked)):
        number, end = ord(match.group()) - FIRST_SENTINEL, match.start() - removed
        if not text[:end].endswith(cores[number]):
            return None
        edges.append((end - len(cores[number]), end, number))
    return edges if len({number for _, _, number in edges}) == len(edges) else None
