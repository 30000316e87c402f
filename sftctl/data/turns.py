"""A list of turns, as chat data writes it, becomes messages; every doubt is a BadRow that names the turn."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from sftctl.data.bad_row import BadRow, kind_of, shown, text_of
from sftctl.data.conversation import PLAIN_TEXT_ROLE, Message, Role

MESSAGE_ROLES: Mapping[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
    PLAIN_TEXT_ROLE: PLAIN_TEXT_ROLE,
}
SHAREGPT_ROLES: Mapping[str, Role] = {
    "system": "system",
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "chatgpt": "assistant",
    "model": "assistant",
    "tool": "tool",
    "observation": "tool",
}

_TEXT_KEYS = ("name", "tool_call_id", "reasoning_content")
_MESSAGE_KEYS = frozenset(("role", "content", "tool_calls", *_TEXT_KEYS))
# A turn that its author marked as not to be trained would be trained by us: refused, never ignored.
_LOSS_KEYS = ("weight", "train", "loss")

_MAY_FOLLOW: Mapping[str, tuple[Role, ...]] = {
    "": ("system", "user", PLAIN_TEXT_ROLE),
    "system": ("user",),
    "user": ("assistant",),
    "assistant": ("user", "tool"),
    "tool": ("tool", "assistant"),
    PLAIN_TEXT_ROLE: (),
}


class TurnKeys(NamedTuple):
    """What a format calls the speaker and the text of a turn, and the speakers it knows."""

    role: str
    content: str
    roles: Mapping[str, Role]


def parse_turns(row: Mapping[str, Any], column: str, keys: TurnKeys) -> list[Message]:
    """The turns under `column`, in the row's order, which `out_of_order` judges."""
    turns = row.get(column)
    if type(turns) is not list:
        if column not in row:
            text_of(row, column)
        if turns is None:
            raise BadRow("null_field", column, "the field is null where a list of turns is expected")
        raise BadRow("not_a_list", column, f"{kind_of(turns)} where a list of turns is expected: {shown(turns)}")
    if not turns:
        raise BadRow("no_turns", column, "the list of turns is empty")
    return [_parse_turn(turn, f"{column}[{index}]", keys) for index, turn in enumerate(turns)]


def leftovers(row: Mapping[str, Any], column: str, keys: TurnKeys) -> Iterator[tuple[str, Any]]:
    """What turns carry besides their message, by place: `messages[0].timestamp`."""
    known = {keys.role, keys.content, *_MESSAGE_KEYS}
    for index, turn in enumerate(row[column]):
        for key, value in turn.items() if len(turn) > 2 else ():
            if key not in known and value is not None:
                yield f"{column}[{index}].{key}", value


def parse_tools(row: Mapping[str, Any], column: str) -> tuple[dict[str, Any], ...]:
    """The descriptions of tools under `column`: a list of objects, or the same as JSON text; empty when absent."""
    tools = row.get(column)
    if tools is None or tools == "":
        return ()
    if type(tools) is str:
        try:
            tools = json.loads(tools)
        except (ValueError, RecursionError):
            raise BadRow("malformed_tools", column, "the text is no JSON list of tools") from None
    if type(tools) is not list or not all(type(tool) is dict for tool in tools):
        raise BadRow("malformed_tools", column, f"{kind_of(tools)} where a list of tool descriptions is expected")
    return tuple(tools)


class Misplaced(NamedTuple):
    """A turn that no chat template renders as it was meant."""

    turn: int
    reason: str
    message: str


def out_of_order(messages: list[Message]) -> Misplaced | None:
    """The first turn that breaks the order: system first, user and assistant in turn, the assistant last."""
    before = ""
    for index, message in enumerate(messages):
        role = message["role"]
        if role not in _MAY_FOLLOW[before]:
            place = f"follows the {before} turn" if before else "comes first"
            expected = " or ".join(name for name in _MAY_FOLLOW[before] if name != PLAIN_TEXT_ROLE) or "nothing more"
            return Misplaced(index, "wrong_role_order", f"the {role} turn {place}; expected {expected}")
        before = role
    if before not in ("assistant", PLAIN_TEXT_ROLE):
        message_text = f"the conversation ends with the {before} turn, which nobody answers"
        return Misplaced(len(messages) - 1, "no_response", message_text)
    return None


def _parse_turn(turn: Any, field: str, keys: TurnKeys) -> Message:
    if type(turn) is not dict:
        raise BadRow("not_a_turn", field, f"{kind_of(turn)} where a turn is expected: {shown(turn)}")
    speaker = text_of(turn, keys.role, f"{field}.{keys.role}")
    role = keys.roles.get(speaker)
    if role is None:
        known = ", ".join(name for name in keys.roles if name != PLAIN_TEXT_ROLE)
        raise BadRow("unknown_role", f"{field}.{keys.role}", f"unknown role {shown(speaker)}; known are {known}")
    if len(turn) == 2:
        return {"role": role, "content": _content(turn, field, keys)}
    _refuse_untrained(turn, field)
    message: Message = {"role": role, "content": ""}
    if turn.get("tool_calls"):
        message["tool_calls"] = _tool_calls(turn["tool_calls"], f"{field}.tool_calls")
    # An assistant turn that only calls tools has null or no content in most data.
    if "tool_calls" not in message or turn.get(keys.content) is not None:
        message["content"] = _content(turn, field, keys)
    for key in _TEXT_KEYS:
        if turn.get(key) is not None:
            message[key] = text_of(turn, key, f"{field}.{key}")  # type: ignore[literal-required]
    return message


def _content(turn: Mapping[str, Any], field: str, keys: TurnKeys) -> str:
    """The text of a turn; a list of text parts is joined, any other part refused."""
    value = turn.get(keys.content)
    if type(value) is str:
        return value
    field = f"{field}.{keys.content}"
    if type(value) is not list:
        return text_of(turn, keys.content, field)
    texts = []
    for index, part in enumerate(value):
        place = f"{field}[{index}]"
        if type(part) is not dict or part.get("type") != "text":
            raise BadRow("not_text", place, f"{kind_of(part)} where text is expected: {shown(part)}")
        texts.append(text_of(part, "text", f"{place}.text"))
    if not texts:
        raise BadRow("not_text", field, "an empty list where text is expected")
    return "".join(texts)


def _tool_calls(calls: Any, field: str) -> list[dict[str, Any]]:
    """Tool calls with their arguments as an object, which is what chat templates write as JSON."""
    if type(calls) is not list:
        raise BadRow("not_a_list", field, f"{kind_of(calls)} where a list of tool calls is expected")
    return [_tool_call(call, f"{field}[{index}]") for index, call in enumerate(calls)]


def _tool_call(call: Any, field: str) -> dict[str, Any]:
    wrapped = type(call) is dict and type(call.get("function")) is dict
    function = call["function"] if wrapped else call
    if type(function) is not dict or type(function.get("name")) is not str:
        raise BadRow("malformed_tool_call", field, "a tool call needs function.name (text) and function.arguments")
    arguments = function.get("arguments")
    if type(arguments) is str:
        try:
            arguments = json.loads(arguments)
        except (ValueError, RecursionError):
            arguments = None
    if type(arguments) is not dict:
        place = f"{field}.function.arguments" if wrapped else f"{field}.arguments"
        raise BadRow("malformed_tool_call", place, "the arguments are not a JSON object")
    function = {**function, "arguments": arguments}
    return {**call, "function": function} if wrapped else function


def _refuse_untrained(turn: Mapping[str, Any], field: str) -> None:
    for key in _LOSS_KEYS:
        if turn.get(key) not in (None, 1):
            raise BadRow(
                "untrained_turn",
                f"{field}.{key}",
                f"{shown(turn[key])}: marking single turns as not trained is not supported; "
                "use data.train_on, or split the conversation",
            )
