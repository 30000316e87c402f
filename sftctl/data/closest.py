"""What a recipe has to say beside a source's path, so that rows whose columns no format knows are read."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sftctl.data.formats import Format
from sftctl.data.turns import MESSAGE_ROLES, SHAREGPT_ROLES
from sftctl.pattern import Pattern
from sftctl.recipe_errors import nearest

Rows = Sequence[Mapping[str, Any]]

_ASKED = ("question", "prompt", "instruction", "query", "input", "request", "user", "human", "problem", "task")
_ANSWERED = ("answer", "response", "completion", "output", "reply", "assistant", "gpt", "bot", "solution", "target")
_TURNS = {"messages": ("role", "content", MESSAGE_ROLES), "conversations": ("from", "value", SHAREGPT_ROLES)}
_FORMAT_OF = {"messages": "messages", "conversations": "sharegpt"}

_WORD = Pattern(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_PLAIN = Pattern(r"[A-Za-z_][\w.-]*")
_MAX_NAME = 256
_YAML_WORDS = ("true", "false", "null", "yes", "no", "on", "off")


def closest_words(rows: Rows) -> str | None:
    """What to write, with the likeliest columns, or COLUMN in their place; None where none holds text."""
    for column in _columns_of(rows, _is_list_of_turns):
        if words := _turn_words(column, rows):
            return words
    texts = _columns_of(rows, lambda value: isinstance(value, str))
    asked, answered = _likest(texts, _ASKED, _ANSWERED), _likest(texts, _ANSWERED, _ASKED)
    if asked and answered:
        return written("pair", {"prompt": asked, "response": answered})
    if len(texts) == 1:
        return f"{written('text', {'text': texts[0]})}, to train on it as documents"
    return "fields: {prompt: COLUMN, response: COLUMN}" if texts else None


def words_for(reading: Format) -> str:
    """What to write, so that rows are read as this format with these columns."""
    usual = type(reading)()
    changed = {key: name for key, name in reading.column_of.items() if usual.column_of[key] != name}
    needed = {key: name for key, name in reading.column_of.items() if key not in reading.optional}
    return written(reading.type, needed if reading.type == "pair" else changed)


def written(format_name: str, fields: Mapping[str, str]) -> str:
    """As it stands in a recipe; a pair of columns needs no format."""
    named = [] if format_name == "pair" else [f"format: {format_name}"]
    columns = ", ".join(f"{key}: {_scalar(name)}" for key, name in fields.items())
    return ", ".join([*named, *([f"fields: {{{columns}}}"] if fields else [])])


def _scalar(name: str) -> str:
    plain = _PLAIN.fullmatch(name) and name.lower() not in _YAML_WORDS
    return name if plain else json.dumps(name)


def _columns_of(rows: Rows, holds: Callable[[Any], bool]) -> list[str]:
    """Columns of which most values are of a kind, in the order of the file."""
    names = dict.fromkeys(name for row in rows for name in row if len(name) <= _MAX_NAME)
    return [name for name in names if 2 * sum(holds(row.get(name)) for row in rows) > len(rows)]


def _is_list_of_turns(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _turn_words(column: str, rows: Rows) -> str | None:
    """For turns with the keys of a format."""
    first: Mapping[str, Any] = next(row[column][0] for row in rows if _is_list_of_turns(row.get(column)))
    for field, (speaker, content, speakers) in _TURNS.items():
        if first.get(speaker) in speakers and content in first:
            return written(_FORMAT_OF[field], {field: column})
    return None


def _likest(columns: Sequence[str], words: Sequence[str], others: Sequence[str]) -> str | None:
    """The one column that is named by one of the words and by none of the others."""
    found = [name for name in columns if _named(name, words) and not _named(name, others)]
    return found[0] if len(found) == 1 else None


def _named(column: str, words: Sequence[str]) -> bool:
    parts = [part.lower() for part in _WORD.findall(column)]
    return any(nearest(part, words, min_similarity=0.8) for part in parts)
