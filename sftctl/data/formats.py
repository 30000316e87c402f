"""The shapes that raw rows come in. Extension point: one class a format, listed in `Format` at the end.

A format's fields are the column names it reads, which `curate.sources.fields` can change. `matches` says whether
a row has those columns, `to_messages` reads them or raises BadRow, `variants` lists the column names to try when
the format is not named.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, TypeAdapter

from sftctl.data.bad_row import text_of
from sftctl.data.conversation import PLAIN_TEXT_ROLE, Message
from sftctl.data.turns import MESSAGE_ROLES, SHAREGPT_ROLES, TurnKeys, leftovers, parse_tools, parse_turns
from sftctl.section import Section

Row = Mapping[str, Any]
Part = Literal["role", "content"]


class _Columns(Section):
    """What every format shares: each of its fields but `type` is the name of a column."""

    variants: ClassVar[tuple[dict[str, str], ...]] = ({},)
    optional: ClassVar[frozenset[str]] = frozenset({"system"})

    @cached_property
    def columns(self) -> frozenset[str]:
        """The columns that belong to the conversation; all others are kept as extra."""
        return frozenset(self.column_of.values())

    @cached_property
    def column_of(self) -> dict[str, str]:
        """The column of each of the format's fields."""
        return {key: getattr(self, key) for key in type(self).model_fields if key != "type"}

    def matches(self, row: Row) -> bool:
        return all(name in row for key, name in self.column_of.items() if key not in self.optional)

    def leftovers(self, row: Row) -> dict[str, Any]:
        """Parts of the conversation's own columns that messages have no place for."""
        return {}

    def tools_of(self, row: Row) -> tuple[dict[str, Any], ...]:
        """The tools that the assistant may call; none in most formats."""
        return ()

    def _system(self, row: Row) -> list[Message]:
        """The row's system prompt as the first turn; none when the column is absent, null or empty."""
        name = getattr(self, "system", None)
        if name is None or row.get(name) in (None, ""):
            return []
        return [{"role": "system", "content": text_of(row, name)}]


class _TurnList(_Columns):
    """What formats that hold a list of turns share."""

    keys: ClassVar[TurnKeys]
    optional = frozenset({"system", "tools"})
    system: str = Field("system", description="column of a system prompt, put first where it is not empty")
    tools: str = Field("tools", description="column of the tools that the assistant may call")

    @property
    def turns(self) -> str:
        raise NotImplementedError

    def matches(self, row: Row) -> bool:
        turns = row.get(self.turns)
        if not isinstance(turns, list) or not turns:
            return self.turns in row
        return not isinstance(turns[0], dict) or self.keys.role in turns[0] or self.keys.content in turns[0]

    def to_messages(self, row: Row) -> list[Message]:
        messages = parse_turns(row, self.turns, self.keys)
        system = self._system(row)
        return system + messages if system else messages

    def tools_of(self, row: Row) -> tuple[dict[str, Any], ...]:
        return parse_tools(row, self.tools)

    def field_at(self, row: Row, index: int, part: Part) -> str:
        offset = len(self._system(row))
        key = self.keys.role if part == "role" else self.keys.content
        return self.system if index < offset else f"{self.turns}[{index - offset}].{key}"

    def leftovers(self, row: Row) -> dict[str, Any]:
        return dict(leftovers(row, self.turns, self.keys))


class Messages(_TurnList):
    """`messages`: a list of {role, content}, as chat templates and the OpenAI API write it."""

    keys = TurnKeys("role", "content", MESSAGE_ROLES)
    variants = ({}, {"messages": "conversations"}, {"messages": "conversation"})
    type: Literal["messages"] = "messages"
    messages: str = Field("messages", description="column of the list of turns")

    @property
    def turns(self) -> str:
        return self.messages


class ShareGPT(_TurnList):
    """`conversations`: a list of {from, value}, spoken by human and gpt."""

    keys = TurnKeys("from", "value", SHAREGPT_ROLES)
    variants = ({}, {"conversations": "conversation"}, {"conversations": "messages"})
    type: Literal["sharegpt"] = "sharegpt"
    conversations: str = Field("conversations", description="column of the list of turns")

    @property
    def turns(self) -> str:
        return self.conversations


class Alpaca(_Columns):
    """`instruction`, `input` (may be empty), `output`; the input follows the instruction after an empty line."""

    variants = ({}, {"output": "response"})
    optional = frozenset({"system", "input"})
    type: Literal["alpaca"] = "alpaca"
    instruction: str = Field("instruction", description="column of the instruction")
    input: str = Field("input", description="column of what the instruction is about; absent, null or empty is none")
    output: str = Field("output", description="column of the response")
    system: str = Field("system", description="column of a system prompt, put first where it is not empty")

    def to_messages(self, row: Row) -> list[Message]:
        prompt = text_of(row, self.instruction)
        if row.get(self.input) not in (None, ""):
            prompt = f"{prompt}\n\n{text_of(row, self.input)}"
        response = text_of(row, self.output)
        return [*self._system(row), {"role": "user", "content": prompt}, {"role": "assistant", "content": response}]

    def field_at(self, row: Row, index: int, part: Part) -> str:
        return ([self.system] * len(self._system(row)) + [self.instruction, self.output])[index]


class PromptCompletion(_Columns):
    """`prompt` and `completion`, each a text or each a list of {role, content}."""

    keys: ClassVar[TurnKeys] = TurnKeys("role", "content", MESSAGE_ROLES)
    type: Literal["prompt_completion"] = "prompt_completion"
    prompt: str = Field("prompt", description="column of the prompt: text, or the turns before the response")
    completion: str = Field("completion", description="column of the response: text, or its turns")
    system: str = Field("system", description="column of a system prompt, put first where it is not empty")

    def to_messages(self, row: Row) -> list[Message]:
        if type(row.get(self.prompt)) is list:
            prompt = parse_turns(row, self.prompt, self.keys)
        else:
            prompt = [{"role": "user", "content": text_of(row, self.prompt)}]
        if type(row.get(self.completion)) is list:
            completion = parse_turns(row, self.completion, self.keys)
        else:
            completion = [{"role": "assistant", "content": text_of(row, self.completion)}]
        return [*self._system(row), *prompt, *completion]

    def field_at(self, row: Row, index: int, part: Part) -> str:
        fields = [self.system] * len(self._system(row))
        for column in (self.prompt, self.completion):
            turns = row[column]
            fields += [f"{column}[{i}].{part}" for i in range(len(turns))] if type(turns) is list else [column]
        return fields[index]

    def leftovers(self, row: Row) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for column in (self.prompt, self.completion):
            if type(row[column]) is list:
                found.update(leftovers(row, column, self.keys))
        return found


class Pair(_Columns):
    """Any two columns of text: `question` and `answer`, or what `fields` names."""

    variants = (
        {},
        {"prompt": "question", "response": "response"},
        {"prompt": "query", "response": "response"},
        {"prompt": "query", "response": "answer"},
        {"prompt": "prompt", "response": "response"},
        {"prompt": "prompt", "response": "answer"},
        {"prompt": "prompt", "response": "output"},
        {"prompt": "input", "response": "output"},
    )
    type: Literal["pair"] = "pair"
    prompt: str = Field("question", description="column of the user's text")
    response: str = Field("answer", description="column of the assistant's text")
    system: str = Field("system", description="column of a system prompt, put first where it is not empty")

    def to_messages(self, row: Row) -> list[Message]:
        prompt, response = text_of(row, self.prompt), text_of(row, self.response)
        return [*self._system(row), {"role": "user", "content": prompt}, {"role": "assistant", "content": response}]

    def field_at(self, row: Row, index: int, part: Part) -> str:
        return ([self.system] * len(self._system(row)) + [self.prompt, self.response])[index]


class PlainText(_Columns):
    """`text`: one `document` turn, trained whole and without a chat template."""

    type: Literal["text"] = "text"
    text: str = Field("text", description="column of the text")

    def to_messages(self, row: Row) -> list[Message]:
        return [{"role": PLAIN_TEXT_ROLE, "content": text_of(row, self.text)}]

    def field_at(self, row: Row, index: int, part: Part) -> str:
        return self.text


Format = Messages | ShareGPT | Alpaca | PromptCompletion | Pair | PlainText
FormatName = Literal["messages", "sharegpt", "alpaca", "prompt_completion", "pair", "text"]
FORMATS: tuple[type[Format], ...] = (Messages, ShareGPT, Alpaca, PromptCompletion, Pair, PlainText)

_FORMAT: TypeAdapter[Format] = TypeAdapter(Annotated[Format, Field(discriminator="type")])


def make_format(name: FormatName, fields: Mapping[str, str]) -> Format:
    """The named format with other column names; raises pydantic.ValidationError for a field it does not have."""
    return _FORMAT.validate_python({"type": name, **fields})
