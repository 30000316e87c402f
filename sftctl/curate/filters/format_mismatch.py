"""Prompts that ask for JSON, code, a table or a list, and responses that are none."""

import re
from typing import Literal

from sftctl.curate.facts import CorpusFacts
from sftctl.curate.filters.rule import Rule
from sftctl.data.conversation import Conversation
from sftctl.pattern import Pattern

_ASKED_CHARACTERS = 300
"""What is asked stands at the start or at the end of a prompt, so as much of each is read."""

_MARKS = ("json", "code", "function", "program", "script", "method", "query", "list", "bullet", "table")
_ASKS_JSON = Pattern(
    r"\b(?:in|as|into|to|return|output|produce|generate|respond with|reply with)(?: an?| the)?(?: valid)? json\b"
    r"(?! (?:schema|file|library|parser))|\bjson (?:format|only)\b|\boutput json\b",
)
_LANGUAGE = (
    "python|java|javascript|typescript|js|c|c\\+\\+|cpp|c#|go|golang|rust|ruby|php|perl|swift|kotlin|scala|r|matlab|haskell"
    "|lua|bash|shell|sql|computer|recursive"
)
_COMPUTED = (
    "find|print|compute|calculate|sort|check|count|add|read|convert|determine|display|generate|implement|reverse|remove"
    "|merge|simulate|search|multiply|swap|solve|parse|draw"
)
_ASKS_CODE = Pattern(
    r"\b(?:write|create|implement|develop|provide|give)(?: me)?(?: an?| the| some)? (?:\w+[ +#]*){0,3}?"
    rf"(?:(?<!main )function(?! (?:names?|of|f)\b)|(?:{_LANGUAGE}) program\b"
    rf"|program (?:that|which|in (?:{_LANGUAGE})|using|to (?:{_COMPUTED}))\b"
    r"|python script|bash script|class method|sql query|code snippet)\b(?! name)",
)
_ASKS_LIST = Pattern(
    r"(?<!list of )\b(?:in (?:the form of )?bullet(?:ed)?[ -]?points?|(?:as|in) (?:a )?(?:bulleted|numbered) list"
    r"|(?:make|create|give(?: me)?|write) an? (?:bulleted |numbered |bullet )?list(?! of (?:one|a|an|1)\b)"
    r"|list of (?:\d+|at least)|as a list)\b",
)
_ASKS_TABLE = Pattern(
    r"\b(?:in|as|into) an? (?:markdown |html )?table\b(?! (?:named|called|with|that|in|of|from))"
    r"|\b(?:make|create|draw|generate|output|give me) an? (?:\w+ )?table (?:comparing|showing|listing|summarizing"
    r"|with (?:\w+ )?(?:columns|rows))\b|\bmarkdown table\b",
)
_ABOUT = Pattern(
    r"\A\s*(?:what|explain|describe|define|why|which|who|when|is|are|does|do|can you explain|compare|how (?:many|much))"
    r"\b(?![\s\S]*\b(?:in|as|into) (?:an? )?(?:valid |markdown )?(?:json|table|list|bullet))"
)
"""A question about a format, not for one."""

_PROSE_ASKED = Pattern(
    r"\b(?:into|as|in|to) an? (?:\w+ )?(?:paragraph|essay|prose|sentence|story|e-?mail|summary|letter)\b"
    r"|\b(?:without|not use|don't use|avoid|no) (?:\w+ )?(?:bullets?|lists?|tables?|json|code)\b|\bin words\b"
)

_LOOKS_LIKE_CODE = Pattern(
    r"```|^(?: {4}|\t)\S|[{};]\s*$|\bdef \w+\(|\w+\([^)\n]*\)|^\s*(?:import|from|SELECT|#include|<\?php|<\w+>)"
    r"|^#!|\w=[\"'$(\d]|=>|:=|\w = |[\\^$|*+?]{2}|^(?:INSERT|UPDATE|DELETE|WITH) |^\s*(?i:select) "
    r"|^\s*\((?:defun|define|let|lambda) ",
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
        reason = _missing(prompt, conversation.response)
        if reason is None or _ABOUT.match(prompt) or _PROSE_ASKED.search(prompt):
            return None
        return reason


def _missing(prompt: str, response: str) -> str | None:
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
