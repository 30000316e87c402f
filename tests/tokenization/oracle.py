"""What is right, found without sftctl: from the brackets in a template's source, and from token offsets."""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from jinja2 import TemplateError
from transformers import PreTrainedTokenizerBase

from tests.tokenization.shapes import Shape


class Truth(NamedTuple):
    text: str
    spans: list[tuple[int, int]]


def bracketed(
    shape: Shape, tokenizer: PreTrainedTokenizerBase, messages: Sequence[dict[str, Any]], tools: Any
) -> Truth | None:
    """The rendering and its spans by the brackets of the source; None where the template raises."""
    try:
        marked: str = tokenizer.apply_chat_template(
            [list(messages)], tools=tools, tokenize=False, chat_template=shape.source
        )[0]
    except TemplateError:
        return None
    positions = [match.start() - number for number, match in enumerate(re.finditer("[⟦⟧]", marked))]
    return Truth(re.sub("[⟦⟧]", "", marked), list(zip(positions[::2], positions[1::2], strict=True)))


def trained_positions(
    text: str, spans: Sequence[tuple[int, int, int]], tokenizer: PreTrainedTokenizerBase
) -> tuple[set[int], set[int]]:
    """Positions of the tokens that must carry loss, and of those that may; spans are (start, end, may_end)."""
    must, may = set(), set()
    offsets = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    for position, (first, last) in enumerate(offsets):
        for start, end, may_end in spans:
            if start <= first < last <= end:
                must.add(position)
            if start <= first and last <= may_end:
                may.add(position)
    return must, may
