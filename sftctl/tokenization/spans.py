"""The characters that the assistant must produce: from the end of the generation prompt to the end-of-turn token."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, pairwise
from typing import NamedTuple

from sftctl.tokenization.marking import MessageSpan, after_last_sentinel, locate, mark, mark_one, sentinels
from sftctl.tokenization.refusal import MaskRefused
from sftctl.tokenization.rendering import Messages, Renderer, common_length

# Some templates open the next turn whether asked to or not, so both continuations may begin alike with its marker.
_OPENING = re.compile(r"start|begin|open|user|system|<s>", re.IGNORECASE)

_ATTEMPTS = 3


class Span(NamedTuple):
    """The trained characters [start, end) of one assistant message in the rendering."""

    message: int
    start: int
    end: int
    has_eot: bool
    """Whether the terminator of the turn is rendered, and so trained."""
    diverges: bool
    """Whether the generation prompt is not a prefix of the rendering: inference shows the model another text."""


class Marked(NamedTuple):
    """A rendering with its trained spans and the places that they were derived from."""

    text: str
    spans: tuple[Span, ...]
    places: tuple[MessageSpan, ...]
    unlike: tuple[str, ...]
    """Of each span: how the generation prompt goes on where it leaves the rendering; empty where it does not."""


class Start(NamedTuple):
    position: int
    unlike: str | None = None
    """How the generation prompt goes on where it leaves the rendering; None where it is a prefix of it."""


class End(NamedTuple):
    position: int
    has_eot: bool


def find_spans(
    messages: Messages, render: Renderer, atoms: Callable[[str], list[tuple[int, int]]], stop_tokens: Sequence[str]
) -> Marked:
    """The trained spans of one conversation. Raises MaskRefused where a span would be a guess."""
    for attempt in range(1, _ATTEMPTS + 1):
        finder = _SpanFinder(messages, render, atoms, stop_tokens)
        try:
            return finder.find()
        except MaskRefused:
            # A template that prints the time of day may tick between two renderings.
            if attempt == _ATTEMPTS or render.or_none(messages) in (None, finder.text):
                raise
    raise AssertionError("unreachable")


@dataclass(frozen=True)
class _SpanFinder:
    """The slow and exact way: some ten renderings."""

    messages: Messages
    render: Renderer
    atoms: Callable[[str], list[tuple[int, int]]]
    stop_tokens: Sequence[str]

    @cached_property
    def text(self) -> str:
        return self.render(self.messages)

    @cached_property
    def places(self) -> list[MessageSpan]:
        return locate(self.messages, self.text, self.render)

    def find(self) -> Marked:
        self._refuse_lost_messages()
        self._refuse_reordered_messages()
        numbers = [number for number, message in enumerate(self.messages) if message["role"] == "assistant"]
        starts = [self._start(number) for number in numbers]
        spans = [self._span(number, start) for number, start in zip(numbers, starts, strict=True)]
        self._refuse_overlaps(spans)
        return Marked(self.text, tuple(spans), tuple(self.places), tuple(start.unlike or "" for start in starts))

    def _span(self, number: int, start: Start) -> Span:
        end = self._end(number, start.position)
        if end.position < start.position:
            raise MaskRefused("turn_inside_prompt", f"message {number} ends before the generation prompt does")
        return Span(number, start.position, end.position, end.has_eot, start.unlike is not None)

    def _refuse_lost_messages(self) -> None:
        for number, (message, place) in enumerate(zip(self.messages, self.places, strict=True)):
            if place.missing:
                lost = " and ".join(place.missing)
                raise MaskRefused(
                    "message_dropped",
                    f"the chat template leaves out the {lost} of message {number} ({message['role']})",
                )
            if place.repeated and message["role"] == "assistant":
                raise MaskRefused("message_repeated", f"the chat template renders message {number} more than once")

    def _refuse_reordered_messages(self) -> None:
        # Some templates move the system message: that is no other order of turns, and is seen as a diverging prompt.
        ends = [
            (number, message["role"], place.end)
            for number, (message, place) in enumerate(zip(self.messages, self.places, strict=True))
            if place.end is not None and message["role"] != "system"
        ]
        for (number, role, end), (later, later_role, later_end) in combinations(ends, 2):
            if "assistant" in (role, later_role) and later_end < end:
                raise MaskRefused(
                    "messages_reordered", f"the chat template renders message {later} before message {number}"
                )

    def _refuse_overlaps(self, spans: Sequence[Span]) -> None:
        for span, following in pairwise(spans):
            if following.start < span.end:
                raise MaskRefused("spans_overlap", f"messages {span.message} and {following.message} are merged")
        for span in spans:
            for number, place in enumerate(self.places):
                inside = [p for p in (place.start, place.end) if p is not None and span.start < p < span.end]
                if number != span.message and inside:
                    raise MaskRefused(
                        "span_contains_other_message",
                        f"the chat template moves message {number} into the turn of message {span.message}",
                    )

    # Where a turn starts -------------------------------------------------------------------------

    def _start(self, number: int) -> Start:
        before = self.messages[:number]
        prompt = self.render.or_none(before, generation_prompt=True)
        if prompt is None:
            return self._start_by_header(number)
        if self.text.startswith(prompt):
            return Start(len(prompt))
        length = common_length(prompt, self.text, self.atoms)
        closed = self.render.or_none(before)
        header = prompt[len(closed) :] if closed is not None and prompt.startswith(closed) else None
        known = header is not None or (number > 0 and self.places[number - 1].end is not None)
        first = len(prompt) - len(header) if header is not None else 0
        if number and known and length >= max(self._boundary(number), first):
            return self._parted_at(number, length, prompt[length : length + 1])
        return self._start_by_tail(number, prompt)

    def _parted_at(self, number: int, position: int, unlike: str) -> Start:
        """Where generation prompt and rendering part, but not behind a word that both begin with by chance."""
        content_start = self.places[number].start
        if content_start is not None and content_start < position:
            shared = self.text[content_start:position]
            pieces = self.atoms(shared)
            words = "".join(shared[end:start] for (_, end), (start, _) in pairwise([(0, 0), *pieces, (len(shared), 0)]))
            if words.strip():
                return Start(content_start, self.text[content_start])
        return Start(position, unlike)

    def _boundary(self, number: int) -> int:
        """The end of the last content in front of a message."""
        limit = self.places[number].end
        ends = [place.end for place in self.places[:number] if place.end is not None]
        return max((end for end in ends if limit is None or end <= limit), default=0)

    def _start_by_tail(self, number: int, prompt: str) -> Start:
        """Earlier turns are rendered differently once this one follows: compare only what lies between the turns."""
        previous = self.places[number - 1] if number else MessageSpan()
        if previous.end is not None and previous.style is not None:
            marked = self.render.or_none(
                mark_one(self.messages[:number], number - 1, previous.style), generation_prompt=True
            )
            tail = after_last_sentinel(marked, number - 1) if marked is not None else None
            if tail is not None:
                here = self.text[previous.end :]
                length = common_length(tail, here, self.atoms)
                if length:
                    return self._parted_at(number, previous.end + length, tail[length : length + 1])
        closed = self.render.or_none(self.messages[:number])
        if closed is not None and prompt.startswith(closed) and len(prompt) > len(closed):
            return self._start_behind(number, prompt[len(closed) :])
        raise MaskRefused("prompt_differs", f"the generation prompt of message {number} is not found in the rendering")

    def _start_by_header(self, number: int) -> Start:
        """The conversation before the message cannot be rendered: use the header of a prompt that can."""
        for length in range(number + 1, len(self.messages)):
            closed = self.render.or_none(self.messages[:length])
            prompt = self.render.or_none(self.messages[:length], generation_prompt=True)
            if closed is not None and prompt is not None and prompt.startswith(closed) and len(prompt) > len(closed):
                return self._start_behind(number, prompt[len(closed) :])
        raise MaskRefused("prompt_not_renderable", f"the chat template cannot render the prompt of message {number}")

    def _start_behind(self, number: int, header: str) -> Start:
        start = self.places[number].start
        if start is None or not self.text[:start].endswith(header):
            raise MaskRefused(
                "prompt_not_renderable", f"the chat template cannot render the prompt of message {number}"
            )
        return Start(start, "")

    # Where a turn ends ---------------------------------------------------------------------------

    def _end(self, number: int, start: int) -> End:
        place = self.places[number]
        calls = bool(self.messages[number].get("tool_calls"))
        if place.end is None or place.style is None:
            return self._end_of_empty(number, start)
        content_end = max(place.end, start)
        tail = self._tail(number, content_end)
        alone, followed = self._tails(number, place, tail)
        length = self._terminator(alone, followed, tail, within=self._plain_terminator(number) if calls else None)
        if length is None:
            return End(content_end + self._kept_whitespace(number, tail if alone is None else alone), False)
        return End(content_end + length, True)

    def _tail(self, number: int, position: int) -> str:
        """The text behind a message, up to the next content."""
        later = [p for place in self.places for p in (place.start, place.end) if p is not None and p > position]
        return self.text[position : min(later, default=len(self.text))]

    def _tails(self, number: int, place: MessageSpan, tail: str) -> tuple[str | None, str | None]:
        """What is rendered behind a message when it is the last one, and when another follows."""
        assert place.style is not None
        if number + 1 < len(self.messages):
            marked = self.render.or_none(mark_one(self.messages[: number + 1], number, place.style))
            return (after_last_sentinel(marked, number) if marked is not None else None), tail
        following = mark({"role": "user", "content": "x"}, number + 1, "edges")
        marked = self.render.or_none([*mark_one(self.messages, number, place.style), following])
        if marked is None:
            return tail, None
        return tail, after_last_sentinel(marked.split(sentinels(number + 1)[0])[0], number)

    def _terminator(
        self, alone: str | None, followed: str | None, tail: str, *, within: str | None = None
    ) -> int | None:
        """Length of `tail` up to and with the terminator; None where there is none.

        `within` is the terminator of a plain turn ("" for none) where closing syntax may come before it.
        """
        if alone is not None and followed is not None:
            common = alone[: common_length(alone, followed, self.atoms)]
            stop = self._first_stop(common)
            if stop is not None:
                return stop
            if within and within in common:
                return common.index(within) + len(within)
            markers = [span for span in self.atoms(common) if not _OPENING.search(common[slice(*span)])]
            if within != "" and markers:
                return markers[-1][1]
        else:
            common = ""
        stop = self._first_stop(tail)
        rest = tail[len(common) :] if within == "" else tail
        offset = len(tail) - len(rest.lstrip())
        atoms = self.atoms(rest.lstrip())
        if atoms and atoms[0][0] == 0:
            return offset + atoms[0][1]
        return stop if alone is None or followed is None else None

    def _first_stop(self, text: str) -> int | None:
        ends = [text.index(stop) + len(stop) for stop in self.stop_tokens if stop and stop in text]
        return min(ends, default=None)

    def _plain_terminator(self, number: int) -> str:
        """The terminator that the template writes behind a plain turn in this place; "" for none."""
        probe = mark({"role": "assistant", "content": "x"}, number, "edges")
        following = mark({"role": "user", "content": "x"}, number + 1, "edges")
        before = self.messages[:number]
        alone = self.render.or_none([*before, probe])
        followed = self.render.or_none([*before, probe, following])
        tail = after_last_sentinel(alone, number) if alone is not None else None
        if tail is None or followed is None:
            return ""
        other = after_last_sentinel(followed.split(sentinels(number + 1)[0])[0], number)
        common = tail[: common_length(tail, other or "", self.atoms)]
        length = self._terminator(tail, other, tail) if self.atoms(common) or self._first_stop(tail) else None
        return tail[:length].lstrip() if length else ""

    def _end_of_empty(self, number: int, start: int) -> End:
        """An empty or unmarkable turn: all between its prompt and its terminator is the template's."""
        content = str(self.messages[number].get("content") or "").strip()
        terminator = self._plain_terminator(number)
        tail = self._tail(number, start)
        if not content and terminator and terminator in tail:
            end = start + tail.index(terminator) + len(terminator)
            alone = self.render.or_none(self.messages[: number + 1]) or ""
            # The terminator of a later empty message must not be taken for this one's.
            if alone.startswith(self.text[:end]) or alone.rstrip().endswith(self.text[start:end]):
                return End(end, True)
        raise MaskRefused("turn_not_located", f"message {number} cannot be located in the rendering")

    def _kept_whitespace(self, number: int, tail: str) -> int:
        """Characters of the content's own trailing whitespace that the template keeps; `tail` is of the last turn."""
        content = str(self.messages[number].get("content") or "")
        trail = content[len(content.rstrip()) :]
        return len(trail) if trail and tail.startswith(trail) else 0
