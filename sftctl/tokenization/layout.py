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
    unlike: str
    """A character that the content must not begin with: there, inference and rendering would part later."""


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
        if any(turn.unlike and cores[turn.message].startswith(turn.unlike) for turn in self.turns):
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
    if any(not _verbatim(place, marked.text, cores[number]) for place, number in placed):
        return None
    edges = sorted((place.start or 0, place.end or 0, number) for place, number in placed)
    if any(end > start for (_, end, _), (start, _, _) in pairwise(edges)):
        return None
    bounds = [0, *(position for start, end, _ in edges for position in (start, end)), len(marked.text)]
    gaps = list(zip(bounds[::2], bounds[1::2], strict=True))
    turns = []
    for span, unlike in zip(marked.spans, marked.unlike, strict=True):
        start, end = _anchor(span.start, gaps), _anchor(span.end, gaps)
        if start is None or end is None:
            return None
        turns.append(_Turn(span.message, start, end, span.has_eot, span.diverges, unlike))
    texts = tuple(marked.text[first:last] for first, last in gaps)
    return Layout(texts, tuple(number for _, _, number in edges), tuple(turns))


def _verbatim(place: Place, text: str, core: str) -> bool:
    return (
        place.start is not None
        and place.end is not None
        and not place.repeated
        and not place.missing
        and text[place.start : place.end] == core
    )


def _anchor(position: int, gaps: Sequence[tuple[int, int]]) -> Anchor | None:
    for number, (first, last) in enumerate(gaps):
        if first <= position <= last:
            return Anchor(number, position - first)
    return None
