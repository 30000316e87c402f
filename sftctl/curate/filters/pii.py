"""Personal data and secrets: e-mail addresses, payment cards, IBANs, API keys; numbers must pass their checksums."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from pydantic import Field

from sftctl.curate.facts import CorpusFacts
from sftctl.curate.filters.rule import Rule
from sftctl.data.conversation import Conversation, Message
from sftctl.pattern import Pattern

Kind = Literal["email", "card", "iban", "api_key"]

_EMAIL = Pattern(r"(?<![\w.+@-])[A-Za-z0-9][\w.+-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,4}[A-Za-z]{2,24}(?![\w-])")
_PLACEHOLDER = Pattern(
    r"@(?:[\w-]+\.)*(?:example|domain|email|mail|test|company|yourcompany|website|sample|abc|xyz)\.\w+\Z"
    r"|\A(?:your|name|user|username|example|test|someone|email|info|support|contact|john|jane|jdoe)\w*[.\w-]*@"
    # Accounts of machines and roles, and what stands before the host in an address of a service.
    r"|\A(?:git|root|admin|ubuntu|ec2-user|postgres|pass|password|pwd|secret|foo|bar|no-?reply|hello|sales|office|help)@",
    re.IGNORECASE,
)
_CARD = Pattern(r"(?<![\d.,-])(?:\d{4}[ -]?\d{4}[ -]?\d{4}[ -]?\d{1,7}|\d{4}[ -]?\d{6}[ -]?\d{4,5})(?![.,-]?\d)")
_ISSUED = Pattern(
    r"4(?:\d{15}|\d{18})|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}"
    r"|3(?:0[0-5]|[68]\d)\d{11}|35\d{14}|6(?:011|4[4-9]\d|5\d\d)\d{12}|62\d{14,17}|(?:50|5[6-9]|6[0-9])\d{14}"
)
"""Visa, Mastercard (both ranges), American Express, Diners, JCB, Discover, UnionPay, Maestro."""
_IBAN = Pattern(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
_API_KEY = Pattern(
    r"\bsk-(?:proj-|ant-)?[A-Za-z0-9_-]{20,}|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36,}\b|\bAIza[0-9A-Za-z_-]{35}\b"
    r"|\bxox[abprs]-[A-Za-z0-9-]{10,}|\bhf_[A-Za-z0-9]{30,}\b|-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----"
)


def _is_card(text: str) -> bool:
    """Luhn (1960), as long as its issuer makes them, and not one digit or two throughout."""
    plain = "".join(character for character in text if character.isdigit())
    digits = [int(digit) for digit in plain]
    if len(set(digits)) < 4 or not _ISSUED.fullmatch(plain):
        return False
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _is_iban(text: str) -> bool:
    """ISO 13616: the number, rearranged, leaves 1 when divided by 97."""
    plain = text.replace(" ", "")
    if not 15 <= len(plain) <= 34:
        return False
    rearranged = plain[4:] + plain[:4]
    return int("".join(str(int(character, 36)) for character in rearranged)) % 97 == 1


def _is_email(text: str) -> bool:
    return not _PLACEHOLDER.search(text)


_FINDERS: tuple[tuple[Kind, Pattern, Callable[[str], bool]], ...] = (
    ("email", _EMAIL, _is_email),
    ("card", _CARD, _is_card),
    ("iban", _IBAN, _is_iban),
    ("api_key", _API_KEY, lambda text: True),
)
# A class, not a repeat, at the front: `re` skips to the next digit twice as fast.
_TOKEN_START = Pattern(r"\b(?:gh[pousr]|hf)_")
_LONG_NUMBER = Pattern(r"[0-9][0-9]{3}[ -]?[0-9A-Z]{4}")


def _possible_kinds(text: str) -> tuple[Kind, ...]:
    """What a quick look cannot rule out."""
    kinds: list[Kind] = ["email"] if "@" in text else []
    if _LONG_NUMBER.search(text):
        kinds += ["card", "iban"]
    if _may_hold_a_key(text):
        kinds.append("api_key")
    return tuple(kinds)


class PersonalData(Rule):
    """`redact` puts `[EMAIL]`, `[CARD]`, `[IBAN]`, `[API_KEY]` in the place of what was found and keeps the row."""

    rule: Literal["pii"] = "pii"
    action: Literal["drop", "flag", "redact", "off"] = Field(  # type: ignore[assignment]
        "flag", description="drop the row, flag it in the report, redact what was found, or off"
    )
    kinds: tuple[Kind, ...] = Field(("email", "card", "iban", "api_key"), min_length=1, description="what to look for")

    def judge(self, conversation: Conversation, facts: CorpusFacts) -> str | None:
        for turn in conversation.messages:
            for kind, pattern, valid in self._finders(turn["content"]):
                if any(valid(found.group()) for found in pattern.finditer(turn["content"])):
                    return f"pii_{kind}"
        return None

    def redacted(self, conversation: Conversation) -> Conversation:
        """The row with every finding replaced; the same row where there is none."""
        messages: list[Message] = []
        for turn in conversation.messages:
            text = turn["content"]
            for kind, pattern, valid in self._finders(text):
                text = pattern.sub(_replacer(f"[{kind.upper()}]", valid), text)
            messages.append(turn if text == turn["content"] else {**turn, "content": text})
        return replace(conversation, messages=tuple(messages))

    def _finders(self, text: str) -> list[tuple[Kind, Pattern, Callable[[str], bool]]]:
        possible = _possible_kinds(text)
        return [finder for finder in _FINDERS if finder[0] in possible and finder[0] in self.kinds]


def _may_hold_a_key(text: str) -> bool:
    if "sk-" in text or "AKIA" in text or "AIza" in text or "xox" in text or "-----BEGIN" in text:
        return True
    return "_" in text and _TOKEN_START.search(text) is not None


def _replacer(mask: str, valid: Callable[[str], bool]) -> Callable[[re.Match[str]], str]:
    return lambda found: mask if valid(found.group()) else found.group()
