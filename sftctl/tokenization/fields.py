"""The texts of a message that a template writes as they are: its content, its reasoning, the arguments of its calls."""

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sftctl.tokenization.rendering import Messages

FIRST_SENTINEL = 0x100000
"""Unicode's private plane 16: no character of it is whitespace, a letter, or in any vocabulary's own text."""

_TEXT_KEYS = ("content", "reasoning_content")


def core(text: str) -> str:
    """A text without its edge whitespace, which templates may or may not keep."""
    return text.strip()


def fields_of(message: Mapping[str, Any]) -> list[str]:
    """Content, reasoning, and every text argument of every call, in that order; empty where there is none."""
    found = [value if isinstance(value := message.get(key), str) else "" for key in _TEXT_KEYS]

    def collect(text: str) -> str:
        found.append(text)
        return text

    for call in message.get("tool_calls") or ():
        _each_argument(call, collect)
    return found


def mark_field_ends(messages: Messages, skipped: int) -> list[Mapping[str, Any]]:
    """Copies of the messages with a sentinel behind each field, numbered through; none in the first `skipped`."""
    number = 0

    def mark(text: str) -> str:
        nonlocal number
        number += 1
        inner = text.rstrip()
        return inner + chr(FIRST_SENTINEL + number - 1) + text[len(inner) :] if inner else text

    marked = []
    for position, message in enumerate(messages):
        if position < skipped:
            number += len(fields_of(message))
            marked.append(message)
        else:
            marked.append(_each_field(message, mark))
    return marked


def _each_field(message: Mapping[str, Any], change: Callable[[str], str]) -> Mapping[str, Any]:
    changed = dict(message)
    for key in _TEXT_KEYS:
        value = message.get(key)
        new = change(value if isinstance(value, str) else "")
        if isinstance(value, str):
            changed[key] = new
    if message.get("tool_calls"):
        changed["tool_calls"] = [_each_argument(call, change) for call in message["tool_calls"]]
    return changed


def _each_argument(call: Mapping[str, Any], change: Callable[[str], str]) -> Mapping[str, Any]:
    copied: dict[str, Any] = copy.copy(dict(call))
    function = dict(call["function"]) if "function" in call else copied
    arguments = function.get("arguments")
    if isinstance(arguments, str):
        function["arguments"] = change(arguments)
    elif isinstance(arguments, Mapping):
        function["arguments"] = {
            key: change(value) if isinstance(value, str) else value for key, value in arguments.items()
        }
    if "function" in call:
        copied["function"] = function
    return copied


def call_shapes(calls: Sequence[Mapping[str, Any]] | None) -> tuple[Any, ...]:
    """Names, argument keys, and all that is no text: what must be equal for two messages to be of one shape."""
    shapes = []
    for call in calls or ():
        function = call.get("function", call)
        arguments = function.get("arguments")
        values = (
            tuple((key, None if isinstance(value, str) else repr(value)) for key, value in arguments.items())
            if isinstance(arguments, Mapping)
            else type(arguments).__name__
        )
        shapes.append((function.get("name"), tuple(call), tuple(function), values))
    return tuple(shapes)
