"""Refusals and apologies: counted and flagged, never dropped by default, since a safety source is made of them."""

from typing import Literal

from pydantic import Field

from sftctl.curate.facts import CorpusFacts
from sftctl.curate.filters.rule import Rule, responses
from sftctl.data.apologies import SORRY, WILL_NOT
from sftctl.data.conversation import Conversation
from sftctl.pattern import Pattern

_START_CHARACTERS = 300
"""A refusal says so at its start."""

_MARKS = (
    "sorry", "apolog", "unfortunately", "cannot", "can't", "can not", "could not", "couldn't", "won't", "will not",
    "should not", "decline", "unable", "not able", "not programmed", "not allowed", "not comfortable", "not capable",
    "not permitted", "not designed", " ai", "artificial", "language model", "machine", "virtual", "digital", "have",
    "possess", "i must", "appropriate", "not ethical", "possible for me",
)  # fmt: skip
"""Every refusal holds one of these; looking for them first makes the rule ten times as fast."""

_DEEDS = (
    "answer|assist|help you|provide|create|generate|fulfil|fulfill|do|give|write|complete|comply|engage|support|offer"
    "|share|discuss|access|browse|open|view|recommend|suggest|predict|determine|make|perform|satisfy|have|fully"
    "|encourage|express|experience|in good"
)
_LACKS = (
    "personal|access|the ability|real-time|any information|enough|information|feelings|emotions|thoughts|a body"
    "|physical|the capability|specific|current|preferences|definitive|capabilities|context|details|that information"
    "|mental|experiences|opinions"
)
_SYMPATHY = "to hear|to learn|for your (?:loss|trouble)|about|you|your|that (?:you|this|the|your)"
_MACHINE = "ai|artificial|language model|large|machine|virtual|text-based|digital"

_REFUSES = Pattern(
    rf"\bi(?:'m| am)? (?:really |very |truly |deeply |so )?(?:sorry\b(?! (?:{_SYMPATHY}))|apologi[sz]e\b)"
    r"|\bmy apologies\b|\A(?:sorry|apologies)\b(?! to hear)"
    r"|\Aunfortunately,? (?:i|as an?|my)\b"
    r"|\bi(?: am|'m) (?:not (?:able|programmed|allowed|comfortable|capable|permitted|designed)|unable)\b"
    r"|\bi (?:cannot|can't|can not|could not|couldn't|won't|will not|should not|must decline|decline) "
    rf"(?:\w+ )?(?:{_DEEDS})\b"
    rf"|\b(?:as|being|i'm|i am)(?: just)? an? (?:{_MACHINE})\b"
    r"[^.]{0,120}(?:\bnot\b|n't\b|\bcannot\b|\bunable\b|\bno\b|\bwithout\b|\bnever\b)"
    r"|\bi (?:do not|don't) (?:actually |currently |personally |really )?"
    rf"(?:have|possess) (?:\w+ )?(?:{_LACKS})\b"
    r"|\bi must (?:politely |respectfully )?(?:point out|inform you|decline|refuse)\b"
    r"|\bit (?:is|would be) (?:not |in)appropriate\b|\bnot (?:ethical|appropriate)(?: or \w+)? to\b"
    r"|\bnot possible for me\b"
)


class Refusal(Rule):
    """Answers that open by declining, by apologising, or with what an AI cannot do; in twelve languages."""

    rule: Literal["refusal"] = "refusal"
    max_share: float = Field(
        0.05, ge=0, le=1, description="share of refusals among the kept rows above which curate warns"
    )

    def judge(self, conversation: Conversation, facts: CorpusFacts) -> str | None:
        if conversation.is_plain_text:
            return None
        for text in responses(conversation):
            start = text[:_START_CHARACTERS].replace("’", "'").lstrip().lower()
            if _in_english(start) or SORRY.open(start) or WILL_NOT.open(start):
                return "refusal"
        return None


def _in_english(start: str) -> bool:
    return any(mark in start for mark in _MARKS) and _REFUSES.search(start) is not None
