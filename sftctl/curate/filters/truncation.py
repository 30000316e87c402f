"""Responses that stop before their end. Code, lists and short answers may end without a full stop."""

import re
from typing import Literal

from pydantic import Field

from sftctl.curate.facts import CorpusFacts
from sftctl.curate.filters.rule import Action, Rule
from sftctl.data.conversation import Conversation
from sftctl.pattern import Pattern

FINISH_COLUMNS = ("finish_reason", "stop_reason", "finishReason", "finish")
_CUT = frozenset({"length", "max_tokens", "max_length", "token_limit", "model_length"})
_FINISHED = frozenset({"stop", "end_turn", "eos", "eos_token", "stop_sequence", "tool_calls", "tool_use"})

# Words that no sentence ends on. `in`, `once in a while`, `where I come from`, `proud of` do end sentences of people
# who write without full stops. In capitals they are names: option A, the gate OR.
_DANGLING = Pattern(r"\b(?:the|an?|and|their|its|your|our|my|because|(?:the|an?) (?:\w+ ){1,2}of)\Z")
_ENGLISH = " the "
"""Without it, `an` may be German or Vietnamese, and `my` Polish."""
_WORD_AT_END = Pattern(r"[^\W\d_]\Z")
_NOT_PROSE = Pattern(r"\s*(?:[-*•+#|>]|\d+[.)]|[A-Za-z][.)]\s|\|)|.*[{};=<>\\|$`_]|\s{4}")
_SENTENCE_END = Pattern(r"[.!?…。！？][\"'”’)\]*]*(?:\s|\Z)")
_CLOSING = Pattern(r"(?:#\w+|https?://\S+|\S+@\S+|\[[^\]]*\]|</?\w+>|\b[A-Z]{1,3})\Z")
"""Hashtags, addresses, placeholders and the letter of an option end a text without a full stop."""
_NAME_AT_END = Pattern(r"\b[A-Z]\w+\Z")
_FENCE = Pattern(r"^[ \t]*(?:```[^`\n]*|````+[^`\n]*|~~~\w*)$", re.MULTILINE)
"""A line that opens or closes a block, at any depth of a list; ```code``` in one line does neither."""

_UNSPACED_AT_END = Pattern(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff，、；]")
_CLAUSE_END = Pattern(r"[。！？，、；]")

MIN_UNSPACED_CHARACTERS = 20
"""A shorter last line of Chinese or Japanese is a signature or a title."""

MIN_WORDS = 30
"""Shorter answers are titles, labels or spans; nothing can be told from how they end."""


def finish_reason(conversation: Conversation) -> str | None:
    """What the generating service said about the end, in lower case; None where no column says it."""
    for column in FINISH_COLUMNS:
        value = conversation.extra.get(column)
        if isinstance(value, str) and value:
            return value.lower()
    return None


class Truncated(Rule):
    """Strong reasons: the service said so, code ends inside a block it opened, prose ends on a word like `the`."""

    rule: Literal["truncated"] = "truncated"
    action: Action = Field("drop", description="drop the row, flag it in the report, or off")

    def judge(self, conversation: Conversation, facts: CorpusFacts) -> str | None:
        said = finish_reason(conversation)
        if said in _CUT:
            return "truncated_finish_reason"
        if said in _FINISHED or conversation.is_plain_text:
            return None
        text = conversation.response.rstrip()
        if _open_code(text):
            return "truncated_inside_code"
        if _DANGLING.search(text[-40:]) and _ENGLISH in text and _stops_in_a_line_of_prose(text):
            return "truncated_mid_sentence"
        return None


class PerhapsTruncated(Rule):
    """Weak reasons: a last sentence without an end, a fence that is never closed, a colon that nothing follows."""

    rule: Literal["perhaps_truncated"] = "perhaps_truncated"
    action: Action = Field("flag", description="drop the row, flag it in the report, or off")

    def judge(self, conversation: Conversation, facts: CorpusFacts) -> str | None:
        if finish_reason(conversation) in _FINISHED or conversation.is_plain_text:
            return None
        text = conversation.response.rstrip()
        if _in_fence(text) and not text.endswith("```") and not _SENTENCE_END.search(text[-4:]):
            return "perhaps_truncated_open_fence"
        if text.endswith(":") and text.count(" ") >= MIN_WORDS:
            return "perhaps_truncated_after_colon"
        stops = (_stops_in_a_line_of_prose(text) and not text.islower()) or _stops_in_unspaced_prose(text)
        if stops and _ends_its_lines(text):  # Who writes without capitals writes without full stops.
            return "perhaps_truncated_no_sentence_end"
        return None


def _in_fence(text: str) -> bool:
    return "```" in text and len(_FENCE.findall(text)) % 2 == 1


def _open_code(text: str) -> bool:
    """Ends inside a fence, with a bracket still open."""
    if not _in_fence(text):
        return False
    code = text[text.rfind("```") :]
    return any(code.count(opening) > code.count(closing) for opening, closing in ("()", "{}", "[]"))


def _stops_in_a_line_of_prose(text: str) -> bool:
    """Several sentences, then a last line of prose that stops on a letter or a comma."""
    if not text or not (_WORD_AT_END.search(text, len(text) - 1) or text[-1] in ",;("):
        return False
    last_line = text[text.rfind("\n") + 1 :]
    words = len(last_line.split())
    if words < 6 or _NOT_PROSE.match(last_line) or _CLOSING.search(last_line):
        return False
    if words < 12 and _NAME_AT_END.search(last_line):
        return False
    return text.count(" ") >= MIN_WORDS and not _in_fence(text) and len(_SENTENCE_END.findall(text)) >= 2


def _stops_in_unspaced_prose(text: str) -> bool:
    """The same of Chinese and Japanese: sentences that end, and a last line of several clauses that does not."""
    if not text or text[-1].isascii() or not _UNSPACED_AT_END.search(text, len(text) - 1):
        return False
    last_line = text[text.rfind("\n") + 1 :]
    clauses = _CLAUSE_END.findall(last_line)
    return len(last_line) >= MIN_UNSPACED_CHARACTERS and len(clauses) >= 2 and sum(map(text.count, "。！？")) >= 2


def _ends_its_lines(text: str) -> bool:
    """Verses, tables and lists end no line with a full stop, so the last one need not either."""
    lines = [line.rstrip() for line in text.split("\n") if line.strip()]
    ended = sum(line[-1] in '.!?…。:"”' for line in lines[:-1])
    return 2 * ended >= len(lines) - 1
