"""Prompts that ask for JSON, code, a table or a list, and responses that are none."""

import re
from typing import Literal

from sftctl.curate.facts import CorpusFacts
from sftctl.curate.filters.rule import Rule
from sftctl.data.conversation import Conversation
from sftctl.pattern import Pattern

_ASKED_CHARACTERS = 300
"""What is asked stands at the start or at the end of a prompt, so as much of each is read."""

_MARKS = ("json", "code", "function", "program", "script", "method", "regex", "query", "list", "bullet", "table")
_ASKS_JSON = Pattern(
    r"\b(?:in|as|into|to|return|output|produce|generate|valid|respond with|reply with)(?: an?"
    r"| the)?(?: valid)? json\b"
    r"(?! (?:schema|file|library|parser))|\bjson (?:format|object|array|output|only)\b",
)
_ASKS_CODE = Pattern(
    r"\b(?:write|create|implement|develop|provide|give)(?: me)?(?: an?| the| some)? (?:\w+[ +#]*){0,3}?"
    r"(?:function(?! names?)|program|python script|bash script|class method|regex|sql query|code snippet)\b",
)
_ASKS_LIST = Pattern(
    r"(?<!list of )\b(?:bullet(?:ed)?[ -]?(?:points?|list)|numbered list|make a list|create a list"
    r"|give (?:me )?a list"
    r"|list of (?:\d+|at least)|as a list)\b",
)
_ASKS_TABLE = Pattern(
    r"\b(?:in|as|make|create|draw|using|output)(?: an?| the)? (?:markdown )?table\b(?! (?:named|called|with|that|in"
    r"|of|from))",
    re.IGNORECASE,
)

_LOOKS_LIKE_CODE = Pattern(
    r"```|^(?: {4}|\t)\S|[{};]\s*$|\bdef \w+\(|\w+\([^)\n]*\)|^\s*(?:import|from|SELECT|#include|<\?php|<\w+>)"
    r"|^#!|\w=[\"'$(\d]|=>|:=|\w = |[\\^$|*+?]{2}",
    re.MULTILINE,
)
_LIST_ITEM = Pattern(r"^\s*(?:[-*•–]|\d+[.)]|\[?\d+\]?|[a-zA-Z][.)])\s*\S", re.MULTILINE)


class FormatMismatch(Rule):
    """Only clear requests count: a text that mentions JSON is not a request for it."""

    rule: Literal["format_mismatch"] = "format_mismatch"

    def judge(self, conversation: Conversation, facts: CorpusFacts) -> str | None:
        if len(conversation.messages) < 2:
            return None
        prompt = conversation.messages[-2]["content"]
        if len(prompt) > 2 * _ASKED_CHARACTERS:
            prompt = prompt[:_ASKED_CHARACTERS] + "\n" + prompt[-_ASKED_CHARACTERS:]
        prompt = prompt.lower()
        if not any(mark in prompt for mark in _MARKS):
            return None
        response = conversation.response
        if _ASKS_JSON.search(prompt):
            fine = "{" in response or "[" in response or _LOOKS_LIKE_CODE.search(response)
            return None if fine else "asked_for_json"
        if _ASKS_CODE.search(prompt):
            return None if _LOOKS_LIKE_CODE.search(response) else "asked_for_code"
        if _ASKS_TABLE.search(prompt):
            return None if "|" in response or "\t" in response or "," in response else "asked_for_table"
        if _ASKS_LIST.search(prompt):
            return None if _is_list(response) else "asked_for_list"
        return None


def _is_list(response: str) -> bool:
    """Marked items, several lines, or words between commas."""
    return len(_LIST_ITEM.findall(response)) >= 2 or response.strip().count("\n") >= 2 or response.count(",") >= 2
