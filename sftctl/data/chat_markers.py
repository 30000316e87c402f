"""What chat templates and tokenizers write around a turn, by what it means: whoever looks for a mark takes it here."""

import itertools
import re
from collections.abc import Iterable

from sftctl.pattern import Pattern

TEXT_BOUNDS: tuple[str, ...] = (
    "<|endoftext|>",
    "<|end_of_text|>",
    "<|begin_of_text|>",
    "<|startoftext|>",
    "<｜begin▁of▁sentence｜>",
    "<｜end▁of▁sentence｜>",
)
TURN_ENDS: tuple[str, ...] = (
    "<|im_end|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|end|>",
    "<|return|>",
    "<|end_of_turn|>",
    "<|END_OF_TURN_TOKEN|>",
    "<end_of_turn>",
)
TURN_STARTS: tuple[str, ...] = (
    "<|im_start|>",
    "<|start_header_id|>",
    "<|start|>",
    "<|START_OF_TURN_TOKEN|>",
    "<start_of_turn>",
)
ROLE_TOKENS: tuple[str, ...] = ("<|system|>", "<|user|>", "<|assistant|>", "<｜User｜>", "<｜Assistant｜>")
HEADER_PARTS: tuple[str, ...] = ("<|end_header_id|>", "<|python_tag|>", "<|message|>", "<|channel|>")
INSTRUCTION_BRACKETS: tuple[str, ...] = ("[INST]", "[/INST]", "<<SYS>>", "<</SYS>>")

CONTROL_TOKENS: tuple[str, ...] = (
    *TEXT_BOUNDS,
    *TURN_ENDS,
    *TURN_STARTS,
    *ROLE_TOKENS,
    *HEADER_PARTS,
    *INSTRUCTION_BRACKETS,
)
"""Looked for whatever the tokenizer is: the data may have been rendered for another."""

NAMED_BOUNDS: tuple[str, ...] = (
    *("<|eos|>", "<|bos|>", "<|pad|>"),
    *("<eos>", "<bos>", "<pad>"),
    *("[EOS]", "[BOS]", "[PAD]"),
)
"""A mark at either end of a text; inside one, talk about tokenizers. `<s>` and `</s>` are HTML too."""

USER_NAMES: tuple[str, ...] = ("Human", "User")
SPEAKERS: tuple[str, ...] = (*USER_NAMES, "Assistant")
ALPACA_HEADINGS: tuple[str, ...] = ("Instruction", "Input", "Response")

BARRED = r"<\|[^<>|\n]{1,48}\|>"
"""A token as most templates write it: <|im_end|>."""

WIDE_BARRED = r"<｜[^<>｜\n]{1,48}｜>"
"""A token as DeepSeek writes it: <｜User｜>."""

SYMBOL = (
    rf"<\|[^<>\s]{{1,48}}>|<[^<>\s]{{1,48}}\|>|{WIDE_BARRED}|<#\w{{1,48}}#>|<</?[A-Z]{{2,12}}>>"
    r"|</?[A-Za-z_][\w:.▁-]{0,48}>|\[/?[A-Z][A-Z_]{1,31}\]|\[\|[^\[\]\s]{1,48}\|\]"
)
"""Whatever may be one symbol to a model: <|im_end|>, <turn|>, </think>, <end▁of▁sentence>, [/INST], <<SYS>>."""

_TURN_NAMES = "(?:assistant|user|system)"
TURN_OPENING = (
    rf"<\|im_start\|>{_TURN_NAMES}?|<\|start_header_id\|>{_TURN_NAMES}<\|end_header_id\|>"
    rf"|<start_of_turn>(?:model|user)?|{'|'.join(map(re.escape, ROLE_TOKENS))}"
)
"""The whole head of a turn, with the role's name."""

IN_ANSWER = Pattern(
    rf"{BARRED}|{WIDE_BARRED}|\[/?INST\]|<</?SYS>>|</?s>|<(?:start|end)_of_turn>|<(?:bos|eos|pad|unk)>"
    rf"|^\s*#{{2,3}}\s*(?:{'|'.join((*ALPACA_HEADINGS, *SPEAKERS))})\s*:|^\s*(?:{'|'.join(SPEAKERS)})\s*:\s",
    re.IGNORECASE | re.MULTILINE,
)
"""What a model's answer holds when it goes on past its end, or plays the user."""


def any_of(tokens: Iterable[str]) -> str:
    """Matches each of these texts. Grouped by how they begin, so that a thousand cost a `<` no more than ten."""
    known = sorted({token for token in tokens if token}, key=lambda token: (token[:2], -len(token)))
    groups = itertools.groupby(known, key=lambda token: token[:2])
    alternatives = [f"{re.escape(begin)}(?:{'|'.join(re.escape(t[2:]) for t in group)})" for begin, group in groups]
    return "|".join(alternatives) or r"(?!)"
