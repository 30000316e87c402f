"""Refusals and apologies: counted and flagged, never dropped by default, since a safety source is made of them."""

from typing import Literal

from pydantic import Field

from sftctl.curate.facts import CorpusFacts
from sftctl.curate.filters.borrowed_voice import (
    asks_for_words_of_others,
    opens_with_a_speaker,
    opens_with_speech_or_salutation,
    renders_an_apology,
    without_speech,
)
from sftctl.curate.filters.rule import Rule
from sftctl.data.apologies import SORRY, WILL_NOT
from sftctl.data.conversation import Conversation
from sftctl.pattern import Pattern

_START_CHARACTERS = 300
"""A refusal says so at its start."""

_MARKS = (
    "sorry", "apolog", "unfortunately", "cannot", "can't", "can not", "could not", "couldn't", "won't", "will not",
    "should not", "decline", "unable", "not able", "not programmed", "not allowed", "not comfortable", "not capable",
    "not permitted", "not designed", " ai", "artificial", "language model", "machine", "virtual", "digital", "i do not",
    "i don't", "i must", "appropriate", "not ethical", "possible for me",
)  # fmt: skip
"""Every refusal holds one of these; looking for them first makes the rule ten times as fast."""

_DEEDS = (
    "answer|assist|help (?:you|with)|provide|create|generate|fulfil|fulfill|do|give|write|complete|comply|engage"
    "|support|offer|share|discuss|access|browse|open|view|recommend|suggest|predict|determine|make|perform|satisfy|have|fully"
    "|encourage|express|experience|in good"
)
_MISDEEDS = (
    "judge|joke|speculate|promote|perpetuate|use|target|mock|glorify|harm|stereotype|rank|compare|impersonate|spread"
)
_LACKS = (
    "personal|access|the ability|real-time|any information|enough|information|feelings|emotions|thoughts|a body"
    "|physical|the capability|specific|current|preferences|definitive|capabilities|context|details|that information"
    "|mental|experiences|opinions"
)
_REGRETTED = "delay|inconvenience|trouble|wait|frustration|experience|late|issue|problem|state of"
_SYMPATHY = "to hear|to say|to learn|for your (?:loss|trouble)|about|you|your|that (?:you|this|the|your)"
_MACHINE = "ai|artificial|language model|large|machine|virtual|text-based|digital"
_AS_A_MACHINE = (
    rf"\b(?:(?:i'm|i am)(?: just)? an? (?:{_MACHINE})\b"
    rf"|(?:as|being) (?:just )?an? (?:{_MACHINE})\b(?=[^.]{{0,120}}\b(?:i|me|my|i'm)\b))"
)
"""Not `As an AI engineer, you`."""

_REFUSES = Pattern(
    rf"\bi(?:'m| am)? (?:really |very |truly |deeply |sincerely |so )?"
    rf"(?:sorry\b(?! (?:{_SYMPATHY}|for (?:the|any|this) (?:{_REGRETTED})))"
    rf"|apologi[sz]e\b(?! for (?:the|any|this|your) (?:{_REGRETTED})))"
    r"|\bmy apologies\b|\A(?:sorry|apologies)\b(?! to hear)"
    r"|\Aunfortunately,? (?:i|as an?|my)\b"
    r"|\bi(?: am|'m) (?:not (?:able|programmed|allowed|comfortable|capable|permitted|designed)|unable)\b"
    r"|\bi (?:cannot|can't|can not|could not|couldn't|(?:won't|will not)(?: be able to)?|should not|must decline"
    rf"|decline) (?:\w+ )?(?:{_DEEDS})\b"
    rf"|{_AS_A_MACHINE}[^.]{{0,120}}(?:\bnot\b|n't\b|\bcannot\b|\bunable\b|\bno\b|\bwithout\b|\bnever\b)"
    r"|\bi (?:do not|don't) (?:actually |currently |personally |really )?"
    rf"(?:have|possess) (?:\w+ )?(?:{_LACKS})\b"
    r"|\bi must (?:politely |respectfully )?(?:point out|inform you|decline|refuse)\b"
    r"|\bit (?:is not |isn't |would not be |wouldn't be |would be not |(?:is|would be) (?:in|un))"
    rf"(?:appropriate|ethical)(?: or \w+)? (?:for me to|to (?:{_DEEDS}|{_MISDEEDS}))\b"
    r"|\bi (?:do not|don't) feel comfortable\b"
    rf"|\bnot (?:ethical|appropriate)(?: or \w+)? to (?:{_DEEDS}|{_MISDEEDS})\b"
    r"|\bnot possible for me\b"
)


_REFUSES_AS_A_MACHINE = Pattern(_AS_A_MACHINE)
_REFUSES_A_TASK = Pattern(
    rf"{_AS_A_MACHINE}|\b(?:can't|cannot|can not|won't|will not|unable to|not able to|be able to|should not"
    r"|decline to) (?:\w+ ){0,2}(?:help|assist|fulfil|comply|provide|create|generate|write|compose|produce|engage"
    r"|support|complete|continue|share|offer|answer|discuss|give|participate|translate|browse|access|open|view|process"
    r"|perform|promote|encourage|condone|determine|predict|recommend|suggest|satisfy|reply|assume|make assumptions)"
    r"|\b(?:inappropriate|unethical|harmful|illegal|against my|my (?:programming|guidelines)|(?:your|this) request)\b"
    r"|\bnot (?:feel )?(?:comfortable|programmed|designed|ethical|appropriate)\b|\bi must\b|\bpossible for me\b"
    r"|\b(?:have|possess|provided) (?:\w+ )?(?:enough|access|any information|context|personal|emotions|the full)\b"
    rf"|\bhave the ability to [\"“]?(?:{_DEEDS})\b"
    r"|\bmore (?:context|information|details)\b|\bplease provide\b|(?:n't|not) (?:fully )?understand\b"
    r"|\byou haven't\b|\bcan(?:'t|not) do that\b"
)
"""What an assistant says that will not write what it was asked for."""


class Refusal(Rule):
    """Answers that open by declining, by apologising, or with what an AI cannot do; in twelve languages."""

    rule: Literal["refusal"] = "refusal"
    max_share: float = Field(
        0.05, ge=0, le=1, description="share of refusals among the kept rows above which curate warns"
    )

    def judge(self, conversation: Conversation, facts: CorpusFacts) -> str | None:
        if conversation.is_plain_text:
            return None
        asked: list[str] = []
        for turn in conversation.messages:
            if turn["role"] == "assistant":
                start = turn["content"][:_START_CHARACTERS].replace("’", "'").lstrip().lower()
                if _declines(start) and not _in_anothers_words(start, "\n".join(asked)):
                    return "refusal"
                asked = []
            elif turn["role"] in ("system", "user"):
                asked.append(turn["content"])
        return None


def _declines(start: str) -> bool:
    english = any(mark in start for mark in _MARKS) and _REFUSES.search(start) is not None
    return english or SORRY.open(start) or WILL_NOT.open(start)


def _in_anothers_words(start: str, prompt: str) -> bool:
    """Whether an opening that sounds like a refusal is a letter, a speech or a translation that was asked for."""
    if renders_an_apology(prompt):
        return True
    if not _declines(without_speech(start)):
        return True
    if opens_with_speech_or_salutation(start):
        return not _REFUSES_AS_A_MACHINE.search(start)
    if not asks_for_words_of_others(prompt):
        return False
    return opens_with_a_speaker(start) or not (_REFUSES_A_TASK.search(start) or WILL_NOT.open(start))
