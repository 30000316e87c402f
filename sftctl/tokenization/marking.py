"""Where each message lies in a rendering, found with private-use sentinels instead of by searching for its text."""

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from sftctl.tokenization.refusal import MaskRefused
from sftctl.tokenization.rendering import Messages, Renderer

# Plane 16 is for private use: no character of it is whitespace, a letter, or in any vocabulary's own text.
_FIRST_SENTINEL = 0x100000
_SENTINELS_PER_MESSAGE = 4
_SENTINEL = re.compile("[\U00100000-\U0010fffd]")

Style = Literal["edges", "end", "answer", "calls"]
"""edges: both ends of the content and of the calls; end: only behind; answer: behind the reasoning and behind the
content; calls: only in the tool calls."""
_STYLES: tuple[Style, ...] = ("edges", "end", "answer", "calls")


@dataclass(frozen=True)
class MessageSpan:
    """Where one message lies in the rendering, in characters; None where it could not be marked or is not rendered."""

    start: int | None = None
    end: int | None = None
    repeated: bool = False
    missing: tuple[str, ...] = ()
    style: Style | None = field(default=None)


def locate(messages: Messages, plain: str, render: Renderer) -> list[MessageSpan]:
    """The span of every message in `plain`, the rendering of `messages`.

    A marked rendering counts only if it equals the plain one without its sentinels.
    """
    if _SENTINEL.search(plain):
        raise MaskRefused("private_use_text", "the row holds characters of Unicode's private plane 16")
    marked = render.or_none([mark(message, number, "edges") for number, message in enumerate(messages)])
    if marked is not None and _SENTINEL.sub("", marked) == plain:
        return [_message_span(marked, message, number, "edges") for number, message in enumerate(messages)]
    return [_locate_alone(messages, number, plain, render) for number in range(len(messages))]


def _locate_alone(messages: Messages, number: int, plain: str, render: Renderer) -> MessageSpan:
    for style in _STYLES:
        marked = render.or_none(mark_one(messages, number, style))
        if marked is not None and _SENTINEL.search(marked) and _SENTINEL.sub("", marked) == plain:
            return _message_span(marked, messages[number], number, style)
    return MessageSpan()


def mark_one(messages: Messages, number: int, style: Style) -> list[Mapping[str, Any]]:
    """The conversation with one message marked."""
    return [mark(message, index, style) if index == number else message for index, message in enumerate(messages)]


def mark(message: Mapping[str, Any], number: int, style: Style) -> Mapping[str, Any]:
    """A copy of the message with sentinels inside the edge whitespace of its content and behind its last argument."""
    opening, closing, name, argument = sentinels(number)
    marked = dict(message)
    content = message.get("content")
    if isinstance(content, str) and style != "calls":
        marked["content"] = _mark_text(content, opening, closing, style)
    if message.get("tool_calls"):
        marked["tool_calls"] = _mark_calls(message["tool_calls"], name, argument)
    return marked


def sentinels(number: int) -> tuple[str, str, str, str]:
    """Before the content, behind it, behind a call's name, behind a call's last argument."""
    first = _FIRST_SENTINEL + number * _SENTINELS_PER_MESSAGE
    return chr(first), chr(first + 1), chr(first + 2), chr(first + 3)


def after_last_sentinel(marked: str, number: int) -> str | None:
    """The unmarked text behind a message's own last sentinel; None where it has none."""
    _, closing, name, argument = sentinels(number)
    # A tool message may repeat the name of the call that it answers, so of the names only the first counts.
    last = max(marked.rfind(closing), marked.rfind(argument), marked.find(name))
    return None if last < 0 else _SENTINEL.sub("", marked[last + 1 :])


def _mark_text(content: str, opening: str, closing: str, style: Style) -> str:
    core = content.strip()
    if not core:
        return closing + content
    lead = content[: len(content) - len(content.lstrip())]
    trail = content[len(content.rstrip()) :]
    if style == "end":
        opening = ""
    if style == "answer" and "</think>" in core:
        thought, answer = core.rsplit("</think>", 1)
        inner = answer.lstrip()
        return f"{lead}{thought}</think>{answer[: len(answer) - len(inner)]}{opening}{inner}{closing}{trail}"
    return f"{lead}{opening}{core}{closing}{trail}"


def _mark_calls(calls: Any, name: str, argument: str) -> Any:
    calls = copy.deepcopy(calls)
    for call in calls:
        function = call.get("function", call)
        function["name"] = function["name"] + name
    last = calls[-1].get("function", calls[-1])
    arguments = last.get("arguments")
    if isinstance(arguments, str):
        last["arguments"] = arguments.rstrip() + argument + arguments[len(arguments.rstrip()) :]
    elif isinstance(arguments, dict):
        for key in reversed(arguments):
            if isinstance(arguments[key], str):
                arguments[key] += argument
                break
    return calls


def _message_span(marked: str, message: Mapping[str, Any], number: int, style: Style) -> MessageSpan:
    offsets: dict[str, list[int]] = {}
    for removed, match in enumerate(_SENTINEL.finditer(marked)):
        offsets.setdefault(match.group(), []).append(match.start() - removed)
    opening, closing, name, argument = sentinels(number)
    found = [position for sentinel in (opening, closing, argument) for position in offsets.get(sentinel, ())]
    found += offsets.get(name, [])[:1]
    missing = []
    if str(message.get("content") or "").strip() and closing not in offsets and style != "calls":
        missing.append("content")
    if message.get("tool_calls"):
        # Many templates render the calls of a turn and not its text: what is rendered is still all there is to learn.
        missing = [] if len(offsets.get(name, ())) >= len(message["tool_calls"]) else ["tool_calls"]
    return MessageSpan(
        start=min(offsets[opening]) if opening in offsets else None,
        end=max(found, default=None),
        repeated=any(len(offsets.get(sentinel, ())) > 1 for sentinel in (opening, closing, argument)),
        missing=tuple(missing),
        style=style,
    )
