"""Why a row cannot become a conversation: a reason, the field, and a sentence."""

from collections.abc import Mapping
from typing import Any

_ABSENT = object()


class BadRow(Exception):
    """Raised while a row is read; ingest turns it into a verdict and goes on with the next row."""

    def __init__(self, reason: str, field: str | None, message: str) -> None:
        super().__init__(reason, field, message)
        self.reason = reason
        # A key can hold half a character, which no file could be written with.
        self.field = field and field.encode("utf-8", "replace").decode("utf-8")
        self.message = message


def text_of(row: Mapping[str, Any], key: str, field: str | None = None) -> str:
    """The text under `key`; raises BadRow when it is absent, null or no text. `field` names it in the verdict."""
    value = row.get(key, _ABSENT)
    if type(value) is str:
        return value
    field = field or key
    if value is _ABSENT:
        raise BadRow("missing_field", field, f"the field is missing; the row has {listed(row)}")
    if value is None:
        raise BadRow("null_field", field, "the field is null where text is expected")
    raise BadRow("not_text", field, f"{kind_of(value)} where text is expected: {shown(value)}")


def shown(value: Any, limit: int = 40) -> str:
    """A value from data, cut and with every unprintable character escaped, for a verdict."""
    text = repr(value[: limit + 1] if isinstance(value, str) else value)
    return text if len(text) <= limit + 2 else text[: limit - 1] + "…"


def kind_of(value: Any) -> str:
    """What JSON calls the type of a value."""
    names = {bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list", dict: "an object"}
    return "null" if value is None else names.get(type(value), f"a {type(value).__name__}")


def listed(row: Mapping[str, Any], most: int = 8) -> str:
    """The row's field names for a verdict; "no fields" when it has none."""
    names = [shown(name)[1:-1] for name in list(row)[:most]]
    return ", ".join(names) + (", …" if len(row) > most else "") if names else "no fields"
