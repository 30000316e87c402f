"""Mends what earlier pipelines left on a row: stray special tokens, template leftovers, mojibake, split-up Unicode."""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import ftfy
from ftfy.badness import is_bad

from sftctl.data.conversation import Conversation, Message

Repair = Literal["special_token", "template_leftover", "mojibake", "nfc"]

# Written by tokenizers and chat templates, by nobody else. `<s>` and `</s>` are also HTML and are looked at apart.
_TOKEN = (
    r"<\|(?:endoftext|end_of_text|begin_of_text|startoftext|im_end|eot_id|eom_id|end|end_of_turn|eos|bos|pad|return)\|>"
    r"|<(?:eos|bos|pad|unk|end_of_turn)>"
    r"|<｜(?:end▁of▁sentence|begin▁of▁sentence)｜>"
    r"|\[(?:EOS|BOS|PAD)\]"
)
_ROLE_OPENING = (
    r"<\|im_start\|>(?:assistant|user|system)?\n?"
    r"|<\|start_header_id\|>(?:assistant|user|system)<\|end_header_id\|>"
    r"|<start_of_turn>(?:model|user)\n?"
    r"|<\|(?:assistant|user|system)\|>"
)
_TOKENS_AT_END = re.compile(rf"\s*(?:(?:{_TOKEN})\s*)+\Z")
_TOKENS_AT_START = re.compile(rf"\A\s*(?:(?:{_TOKEN}|{_ROLE_OPENING})\s*)+")
_SENTENCE_END = re.compile(r"\s*(?:</s>\s*)+\Z")
_SENTENCE_START = re.compile(r"\A\s*(?:<s>\s*)+")

_ANSWER_HEADING = re.compile(r"\A\s*#{2,3} ?(?:Response|Answer|Output|Assistant): *\n?\s*")
_HEADING_AT_END = re.compile(r"\s*\n#{2,3} ?(?:Response|Instruction|Input|Human|User|Assistant|End):?\s*\Z")
_ALPACA = re.compile(
    r"\A(?:Below is an instruction that describes a task.{0,160}?\n\s*)?"
    r"### ?Instruction:\s*\n?(?P<instruction>.+?)"
    r"(?:\n\s*### ?Input:\s*\n?(?P<input>.*?))?"
    r"\n\s*### ?Response:\s*\Z",
    re.DOTALL,
)

_MOJIBAKE = ftfy.TextFixerConfig(
    unescape_html=False,
    remove_terminal_escapes=False,
    fix_latin_ligatures=False,
    fix_character_width=False,
    uncurl_quotes=False,
    fix_line_breaks=False,
    remove_control_chars=False,
    normalization=None,
)


@dataclass(frozen=True, slots=True)
class Repaired:
    """The row as it goes on, and what was mended, each kind once, in the order of `Repair`."""

    conversation: Conversation
    repairs: tuple[Repair, ...]


def repair(conversation: Conversation) -> Repaired:
    """The same row, not a copy, where nothing needed mending; id, source and extra are never changed."""
    messages: list[Message] = []
    repairs: list[Repair] = []
    for message in conversation.messages:
        text = message["content"]
        for name, mend in _MENDERS:
            mended = mend(text, message["role"])
            if mended != text:
                text = mended
                repairs.append(name)
        messages.append(message if text == message["content"] else {**message, "content": text})
    if not repairs:
        return Repaired(conversation, ())
    return Repaired(replace(conversation, messages=tuple(messages)), tuple(dict.fromkeys(repairs)))


def _without_special_tokens(text: str, role: str) -> str:
    if "<" not in text and "[" not in text:
        return text
    text = _TOKENS_AT_END.sub("", text)
    text = _TOKENS_AT_START.sub("", text)
    if text.count("</s>") > text.count("<s>"):
        text = _SENTENCE_END.sub("", text)
    if text.count("<s>") > text.count("</s>"):
        text = _SENTENCE_START.sub("", text)
    return text


def _without_template(text: str, role: str) -> str:
    if "##" not in text:
        return text
    if role in ("user", "document"):
        wrapped = _ALPACA.match(text)
        if wrapped:
            parts = [wrapped["instruction"].strip(), (wrapped["input"] or "").strip()]
            return "\n\n".join(part for part in parts if part)
    if role == "assistant":
        text = _ANSWER_HEADING.sub("", text)
    return _HEADING_AT_END.sub("", text)


def _without_mojibake(text: str, role: str) -> str:
    if text.isascii() or not is_bad(text):
        return text
    fixed: str = ftfy.fix_text(text, _MOJIBAKE)
    return fixed


def _composed(text: str, role: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFC", text)


_MENDERS: tuple[tuple[Repair, Callable[[str, str], str]], ...] = (
    ("special_token", _without_special_tokens),
    ("template_leftover", _without_template),
    ("mojibake", _without_mojibake),
    ("nfc", _composed),
)
