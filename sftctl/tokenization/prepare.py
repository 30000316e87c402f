"""The tokenizer made ready for training: a chat template, a stop token, and a pad token that is never a new one."""

import copy
import re
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from jinja2 import TemplateSyntaxError
from transformers import PreTrainedTokenizerFast

from sftctl.data.chat_markers import BARRED
from sftctl.errors import UsageError
from sftctl.tokenization.config import DataConfig
from sftctl.tokenization.encode import adds_bos
from sftctl.tokenization.refusal import MaskRefused
from sftctl.tokenization.template_facts import PROBE, probe_template

TEMPLATE_NAMES = ("chatml", "alpaca", "zephyr")
_RESERVED = re.compile(r"pad|reserved|unused|fill", re.IGNORECASE)


@dataclass(frozen=True)
class Prepared:
    """A tokenizer as every stage uses it, and as it is saved with the model."""

    tokenizer: PreTrainedTokenizerFast
    stop_token_ids: tuple[int, ...]
    """What ends a generation: the token that is trained to end a turn first, then eos and the model's own list."""
    pad_token_id: int
    added_tokens: tuple[str, ...] = ()
    """Markers that the model did not have: their embeddings must be made, trained and saved."""
    end_of_text: str | None = None
    """What ends a plain text: the eos that the tokenizer came with."""

    @property
    def stop_tokens(self) -> tuple[str, ...]:
        return tuple(str(token) for token in self.tokenizer.convert_ids_to_tokens(list(self.stop_token_ids)))

    @property
    def control_tokens(self) -> tuple[str, ...]:
        """What the tokenizer reads as the model's own marks, wherever it stands in a text."""
        added = [str(token) for token in self.tokenizer.added_tokens_decoder.values() if token.special]
        named = dict.fromkeys((*self.tokenizer.all_special_tokens, *added))
        # The unknown token commands nothing: it is what any unknown character becomes.
        return tuple(token for token in named if token != self.tokenizer.unk_token)


def prepare_tokenizer(
    tokenizer: PreTrainedTokenizerFast, config: DataConfig, *, generation_stop_ids: Sequence[int] = ()
) -> Prepared:
    """A copy of the tokenizer with the recipe's template, and what ends and pads a row.

    Raises UsageError where there is no template and none is named, and where the template's end-of-turn token is
    not a token of the model and `add_missing_special_tokens` is off.
    """
    if not tokenizer.is_fast:
        raise UsageError(f"{tokenizer.name_or_path}: this tokenizer gives no character offsets; use its fast version")
    prepared = copy.deepcopy(tokenizer)
    end_of_text = prepared.eos_token
    if config.chat_template is not None:
        prepared.chat_template = _template(config.chat_template, prepared)
    if config.train_on == "all_tokens":
        stop_ids: tuple[int, ...] = ()
        added: tuple[str, ...] = ()
    else:
        _require_template(prepared)
        terminator = _terminator(prepared, config, generation_stop_ids)
        added = _add_missing(prepared, terminator, config)
        stop_ids = (prepared.convert_tokens_to_ids(terminator),) if terminator else ()
        if terminator and config.chat_template is not None and "eos_token" not in str(prepared.chat_template):
            prepared.eos_token = terminator
    own_eos = () if end_of_text is None else (prepared.convert_tokens_to_ids(end_of_text),)
    prepared.pad_token = _pad_token(prepared, end_of_text)
    return Prepared(
        tokenizer=prepared,
        stop_token_ids=tuple(dict.fromkeys((*stop_ids, *own_eos, *generation_stop_ids))),
        pad_token_id=prepared.pad_token_id,
        added_tokens=added,
        end_of_text=end_of_text,
    )


def _template(name: str, tokenizer: PreTrainedTokenizerFast) -> str:
    if name in TEMPLATE_NAMES:
        text = resources.files("sftctl.tokenization").joinpath(f"templates/{name}.jinja").read_text(encoding="utf-8")
        if tokenizer.eos_token is None and "eos_token" in text:
            raise UsageError(f"data.chat_template: {name} ends a turn with eos, and the tokenizer has none; use chatml")
        # A base model has seen its bos before every text if its tokenizer adds one.
        return ("{{- bos_token -}}" if adds_bos(tokenizer) else "") + text
    try:
        text = Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        known = ", ".join(TEMPLATE_NAMES)
        raise UsageError(f"data.chat_template: {name} is not one of {known}, nor a readable file ({error})") from error
    if not text.strip():
        raise UsageError(f"data.chat_template: {name} is empty")
    return text


def _require_template(tokenizer: PreTrainedTokenizerFast) -> None:
    if not tokenizer.chat_template:
        raise UsageError(
            f"{tokenizer.name_or_path or 'the model'} has no chat template (a base model). Set data.chat_template to "
            "chatml, alpaca or zephyr, or to the path of a Jinja file; for plain text, set data.train_on: all_tokens"
        )


def _terminator(
    tokenizer: PreTrainedTokenizerFast, config: DataConfig, generation_stop_ids: Sequence[int]
) -> str | None:
    """The text of the last trained token of a short conversation; None where a turn has no terminator."""
    stops = tokenizer.convert_ids_to_tokens(list(generation_stop_ids))
    try:
        facts = probe_template(tokenizer, stops, allow_missing_eot=config.allow_missing_eot)
    except MaskRefused as refusal:
        line = _line_of(refusal.__cause__)
        named = config.chat_template or "the tokenizer's own"
        where = f"{named}:{line}: " if line else ""
        raise UsageError(f"data.chat_template: {where}{refusal.message}") from refusal
    return facts.terminator.strip() or None


def _line_of(failure: BaseException | None) -> int | None:
    """The line of a template at which it could not be read, or at which it failed."""
    if isinstance(failure, TemplateSyntaxError):
        return failure.lineno
    frames = traceback.extract_tb(failure.__traceback__) if failure else []
    return next((frame.lineno for frame in reversed(frames) if frame.filename == "<template>"), None)


def _add_missing(tokenizer: PreTrainedTokenizerFast, terminator: str | None, config: DataConfig) -> tuple[str, ...]:
    if terminator is None or len(tokenizer(terminator, add_special_tokens=False)["input_ids"]) == 1:
        return ()
    text: str = tokenizer.apply_chat_template([list(PROBE)], tokenize=False, add_generation_prompt=True)[0]
    markers = dict.fromkeys((*re.findall(BARRED, text), terminator))
    missing = [marker for marker in markers if len(tokenizer(marker, add_special_tokens=False)["input_ids"]) != 1]
    if not config.add_missing_special_tokens:
        raise UsageError(
            f"data.chat_template: the model has no token for {', '.join(missing)}, so it could not stop at one. Choose "
            "another template (alpaca and zephyr end a turn with eos), or set data.add_missing_special_tokens: true"
        )
    tokenizer.add_tokens(missing, special_tokens=True)
    return tuple(missing)


def _pad_token(tokenizer: PreTrainedTokenizerFast, end_of_text: str | None) -> str:
    """The tokenizer's own, else a reserved or unk token, else eos. Labels are masked by position, so eos is safe."""
    if tokenizer.pad_token is not None:
        return str(tokenizer.pad_token)
    added = tokenizer.get_added_vocab()
    reserved = sorted(filter(_RESERVED.search, added), key=lambda token: ("pad" not in token.lower(), added[token]))
    found = [*reserved, tokenizer.unk_token, end_of_text, tokenizer.eos_token]
    for token in found:
        if token is not None:
            return str(token)
    raise UsageError(f"{tokenizer.name_or_path}: the tokenizer has no pad, reserved, unk or eos token to pad with")
