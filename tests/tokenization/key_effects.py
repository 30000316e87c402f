"""Every key of the recipe's `data` section, and what the encoded rows show of it."""

from pathlib import Path
from typing import Any

from sftctl.data.conversation import Conversation
from sftctl.errors import SftctlError
from sftctl.tokenization.config import DataConfig
from sftctl.tokenization.dataset import EncodedDataset, encode_dataset
from sftctl.tokenization.prepare import prepare_tokenizer
from tests.key_effect import KeyEffect
from tests.tokenization.cases import assistant, user
from tests.tokenization.kinds import KINDS, tokenizer
from tests.tokenization.shapes import SHAPES

ROWS = [
    Conversation("1", (user("Hi"), assistant("Ho")), "source"),
    Conversation("2", (user("One?"), assistant("Uno."), user("Two?"), assistant("Dos and some more words.")), "source"),
]
UNANSWERED = Conversation("3", (user("Hi"),), "source")
TEMPLATE = SHAPES["zephyr with stripped turns"].template


def _encode(rows: list[Conversation], template: str | None = TEMPLATE, **keys: Any) -> EncodedDataset | str:
    """The rows, or the kind of the error that stops the run."""
    config = DataConfig(**keys)
    try:
        prepared = prepare_tokenizer(tokenizer(KINDS[1], template=template, bos=None), config)
        return encode_dataset(rows, prepared, config)
    except SftctlError as error:
        return type(error).__name__


def _ids(rows: list[Conversation], template: str | None = TEMPLATE, **keys: Any) -> object:
    made = _encode(rows, template, **keys)
    return made if isinstance(made, str) else [(row.input_ids, row.labels) for row in made.rows]


def _max_length(value: Any, folder: Path) -> object:
    return _ids(ROWS, max_length=value, max_dropped_fraction=1)


def _train_on(value: Any, folder: Path) -> object:
    return _ids(ROWS, train_on=value)


def _system_prompt(value: Any, folder: Path) -> object:
    return _ids(ROWS, system_prompt=value)


def _on_overflow(value: Any, folder: Path) -> object:
    return _ids(ROWS, on_overflow=value, max_length=40, max_dropped_fraction=1)


def _max_dropped_fraction(value: Any, folder: Path) -> object:
    return _ids([*ROWS, UNANSWERED], max_dropped_fraction=value)


def _chat_template(value: Any, folder: Path) -> object:
    return _ids(ROWS, None, chat_template=value)


def _allow_missing_eot(value: Any, folder: Path) -> object:
    return _ids(ROWS, SHAPES["names and colons"].template.replace("eos_token", "''"), allow_missing_eot=value)


def _add_missing_special_tokens(value: Any, folder: Path) -> object:
    return _ids(ROWS, None, chat_template="chatml", add_missing_special_tokens=value)


KEY_EFFECTS = [
    KeyEffect("data.max_length", "auto", 40, _max_length),
    KeyEffect("data.train_on", "all_assistant", "last_assistant", _train_on),
    KeyEffect("data.system_prompt", None, "Be kind.", _system_prompt),
    KeyEffect("data.on_overflow", "drop", "keep_whole_turns", _on_overflow),
    KeyEffect("data.max_dropped_fraction", 0.0, 0.5, _max_dropped_fraction),
    KeyEffect("data.chat_template", "alpaca", "zephyr", _chat_template),
    KeyEffect("data.allow_missing_eot", False, True, _allow_missing_eot),
    KeyEffect("data.add_missing_special_tokens", False, True, _add_missing_special_tokens),
]
