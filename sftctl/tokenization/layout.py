"""What a template writes around the contents of one shape of conversation: learned once, checked on every row."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

from sftctl.tokenization.marking import Place
from sftctl.tokenization.rendering import Messages
from sftctl.tokenization.spans import Marked, Span

Shape = tuple[Any, ...]
"""Everything of a row that may change what its template writes, besides the contents themselves."""


class Anchor(NamedTuple):
    """A position in a rendering: so many characters into the gap behind the `gap`-th content."""

    gap: int
    offset: int


@dataclass(frozen=True, slots=True)
class _Turn:
    message: int
    start: Anchor
    end: Anchor
    has_eot: bool
    diverges: bool
    opening: str
    """What the content must begin with: the part of it that the generation prompt writes, most often nothing."""
    unlike: str
    """What the content must not go on with: there, inference and rendering would part later."""

    def fits(self, core: str) -> bool:
        return core.startswith(self.opening) and not (self.unlike and core.startswith(self.opening + self.unlike))


@dataclass(frozen=True, slots=True)
class Layout:
    """The text of every gap between contents, and where in the gaps the turns start and end."""

    gaps: tuple[str, ...]
    order: tuple[int, ...]
    turns: tuple[_Turn, ...]

    def spans(self, text: str, cores: Sequence[str]) -> tuple[Span, ...] | None:
        """The spans of a row of this shape; None where its rendering is not these gaps around its own contents."""
        contents = [cores[number] for number in self.order]
        pieces = [self.gaps[0]]
        for content, gap in zip(contents, self.gaps[1:], strict=True):
            pieces += (content, gap)
        if "".join(pieces) != text:
            return None
        if not all(turn.fits(cores[turn.message]) for turn in self.turns):
            return None
        starts = [0]
        for content, gap in zip(contents, self.gaps[:-1], strict=True):
            starts.append(starts[-1] + len(gap) + len(content))
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
    """The shape of a row; None for one that carries more than roles and text, which is encoded the slow way."""
    parts: list[Any] = [json.dumps(list(tools), sort_keys=False) if tools else None]
    folded = "\0".join([str(message.get("content")) for message in messages]).casefold() if literals else ""
    present = [literal for literal in literals if literal in folded]
    for message in messages:
        content = message.get("content")
        if not isinstance(content, str) or any(
            value and key not in ("role", "content") for key, value in message.items()
        ):
            return None
        core = content.strip()
        lead = content[: content.find(core)] if core else content
        trail = content[len(lead) + len(core) :]
        occurring = tuple(literal for literal in present if literal in content.casefold()) if present else ()
        parts.append((message["role"], len(message), lead, trail, bool(core), occurring))
    return tuple(parts)


def learn_layout(marked: Marked, cores: Sequence[str]) -> Layout | None:
    """The layout of a row that was masked the slow way; None where a content is not rendered as it is."""
    placed = [(place, number) for number, place in enumerate(marked.places) if cores[number]]
    edges = sorted(_edges(place, marked.text, cores[number], number) for place, number in placed)
    if any(start < 0 for start, _, _ in edges):
        return None
    if any(end > start for (_, end, _), (start, _, _) in pairwise(edges)):
        return None
    bounds = [0, *(position for start, end, _ in edges for position in (start, end)), len(marked.text)]
    gaps = list(zip(bounds[::2], bounds[1::2], strict=True))
    turns = []
    for span, unlike in zip(marked.spans, marked.unlike, strict=True):
        core = cores[span.message]
        begins = next((start for start, _, number in edges if number == span.message), len(marked.text))
        opening = marked.text[begins : span.start]
        start = _anchor(min(begins, span.start), gaps)
        end = _anchor(span.end, gaps)
        if start is None or end is None or not core.startswith(opening):
            return None
        start = Anchor(start.gap, start.offset + len(opening))
        turns.append(_Turn(span.message, start, end, span.has_eot, span.diverges, opening, unlike))
    texts = tuple(marked.text[first:last] for first, last in gaps)
    return Layout(texts, tuple(number for _, _, number in edges), tuple(turns))


def _edges(place: Place, text: str, core: str, number: int) -> tuple[int, int, int]:
    """Start and end of a content that is rendered as it is; a start of -1 where it is not.

    The end alone is enough: templates that take the reasoning out of a text and put it back lose the first sentinel.
    """
    if place.end is None or place.repeated or place.missing or not text[: place.end].endswith(core):
        return -1, -1, number
    return place.end - len(core), place.end, number


def _anchor(position: int, gaps: Sequence[tuple[int, int]]) -> Anchor | None:
    for number, (first, last) in enumerate(gaps):
        if first <= position <= last:
            return Anchor(number, position - first)
    return None
