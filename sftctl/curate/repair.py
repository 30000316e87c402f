"""Mends what earlier pipelines left on a row: stray special tokens, template leftovers, mojibake, split-up Unicode."""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import ftfy
from ftfy.badness import is_bad

from sftctl.data.chat_markers import (
    ALPACA_HEADINGS,
    NAMED_BOUNDS,
    SPEAKERS,
    TEXT_BOUNDS,
    TURN_ENDS,
    TURN_OPENING,
    any_of,
)
from sftctl.data.conversation import Conversation, Message

Repair = Literal["special_token", "template_leftover", "mojibake", "nfc"]

# Written by tokenizers and chat templates, and by nobody else at either end of a text.
_TOKEN = f"{any_of((*TEXT_BOUNDS, *TURN_ENDS, *NAMED_BOUNDS))}|{TURN_OPENING}"
_AT_END = re.compile(rf"(?:{_TOKEN}|\[/INST\])\Z")
_AT_START = re.compile(rf"(?:{_TOKEN}|\[INST\])\s*")
_LONGEST_TOKEN = 60

_ANSWER_HEADING = re.compile(r"\s*#{2,3} ?(?:Response|Answer|Output|Assistant): *\n?\s*")
_HEADING_AT_END = re.compile(rf"\n#{{2,3}} ?(?:{'|'.join((*ALPACA_HEADINGS, *SPEAKERS))}|End):?\Z")
_ALPACA = re.compile(
    r"\A\s*(?:Below is an instruction that describes a task[^\n]{0,160}\n\s*)?"
    r"### ?Instruction:\s*\n?(?P<instruction>.+?)"
    r"(?:\n\s*### ?Input:\s*\n?(?P<input>.*?))?"
    r"\n\s*### ?Response:\s*\Z",
    re.DOTALL,
)

# A lead byte of UTF-8 before a continuation byte, as Latin-1, Windows-1252 or Windows-1251 show them; or a C1 control.
_SUSPECT = re.compile("[\x80-\x9f\xc2-\xf4](?:(?<=[\x80-\x9f])|[\x80-\xbf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ])")
_SUSPECT_CYRILLIC = "вЂ"

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
    """The row as it goes on, and what was mended, each kind once."""

    conversation: Conversation
    repairs: tuple[Repair, ...]


def repair(conversation: Conversation) -> Repaired:
    """The same row, not a copy, where nothing needed mending; id, source and extra are never changed."""
    messages: list[Message] = []
    repairs: dict[Repair, None] = {}
    for message in conversation.messages:
        text = message["content"]
        for name, mend in _MENDERS:
            mended = mend(text, message["role"])
            if mended != text:
                text = mended
                repairs[name] = None
        messages.append(message if text is message["content"] else {**message, "content": text})
    if not repairs:
        return Repaired(conversation, ())
    return Repaired(replace(conversation, messages=tuple(messages)), tuple(repairs))


def _without_special_tokens(text: str, role: str) -> str:
    """Also takes off the white space that surrounded a token, and no other."""
    while (end := text.rstrip()) and end[-1] in ">]":
        found = _AT_END.search(end, max(0, len(end) - _LONGEST_TOKEN))
        if found is None:
            break
        text = end[: found.start()].rstrip()
    while (start := text.lstrip()) and start[0] in "<[":
        found = _AT_START.match(start)
        if found is None:
            break
        text = start[found.end() :]
    return _without_sentence_marks(text)


def _without_sentence_marks(text: str) -> str:
    """`<s>` and `</s>` at the ends; a pair of them inside a text is HTML and stays."""
    if "s>" not in text:
        return text
    end = text.rstrip()
    while end.endswith("</s>") and end.count("</s>") > len(re.findall(r"<s[ >]", end[4:])):
        text = end = end.removesuffix("</s>").rstrip()
    if text.lstrip().startswith("<s>") and text.count("<s>") > text.count("</s>"):
        text = text.lstrip().removeprefix("<s>").lstrip()
    return text


def _without_template(text: str, role: str) -> str:
    if "##" not in text:
        return text
    if role in ("user", "document") and (wrapped := _ALPACA.match(text)):
        parts = [wrapped["instruction"].strip(), (wrapped["input"] or "").strip()]
        return "\n\n".join(part for part in parts if part)
    if role == "assistant" and (heading := _ANSWER_HEADING.match(text)):
        text = text[heading.end() :]
    end = text.rstrip()
    while found := _HEADING_AT_END.search(end, max(0, len(end) - _LONGEST_TOKEN)):
        text = end = end[: found.start()].rstrip()
    return text


def _without_mojibake(text: str, role: str) -> str:
    """UTF-8 that was read as Latin-1 or Windows-1252, undone; units and letters of other languages stay."""
    if text.isascii() or not (_SUSPECT.search(text) or _SUSPECT_CYRILLIC in text) or not is_bad(text):
        return text
    fixed: str = ftfy.fix_text(text, _MOJIBAKE)
    return text if _lonely_new_letters(text, fixed) else fixed


def _lonely_new_letters(text: str, fixed: str) -> bool:
    """Whether undoing made rare letters that touch no other letter: `0.5 Å²` becomes `0.5 Ų`, which nobody wrote."""
    new = set(fixed) - set(text)
    for index, character in enumerate(fixed):
        if character not in new or not 0x100 <= ord(character) < 0x1000 or 0x370 <= ord(character) < 0x400:
            continue
        around = fixed[max(0, index - 1) : index] + fixed[index + 1 : index + 2]
        if not any(neighbour.isalpha() and (neighbour.isascii() or neighbour in new) for neighbour in around):
            return True
    return False


def _composed(text: str, role: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFC", text)


_MENDERS: tuple[tuple[Repair, Callable[[str, str], str]], ...] = (
    ("special_token", _without_special_tokens),
    ("template_leftover", _without_template),
    ("mojibake", _without_mojibake),
    ("nfc", _composed),
)
