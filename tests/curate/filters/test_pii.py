"""Personal data: real numbers pass their checksums, all others are numbers."""

import pytest

from sftctl.curate.filters.pii import PersonalData
from tests.curate.filters.rows import NO_FACTS, reason, row


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Mail anna.kowalska@uni-wroclaw.pl today", "pii_email"),
        ("Mail you@example.com or your_name@company.com", None),
        # 4111 1111 1111 1111 has two different digits: a printer's example, as is every run of one digit.
        ("Card 4539 1488 0343 6467", "pii_card"),
        ("Card 4539 1488 0343 6468", None),
        ("Card 4111 1111 1111 1111", None),
        ("Amex 378282246310005", "pii_card"),
        ("Diners 3056 930902 5904", "pii_card"),
        ("Mastercard 2223003122003222", "pii_card"),
        ("UnionPay 6240008631401148", "pii_card"),
        # Luhn holds, yet no issuer makes such numbers: a year and a time, an article number.
        ("At 1712345678908 or 3912345678901233", None),
        ("Run git clone git@github.com:acme/tool.git", None),
        ("postgresql://app:password@db.internal.net:5432/shop", None),
        ("ssh root@server.lan", None),
        ("pi is 3.14159265358979323846", None),
        ("Order 1234567812345670", None),
        ("IBAN DE89 3704 0044 0532 0130 00", "pii_iban"),
        ("IBAN DE88 3704 0044 0532 0130 00", None),
        ("key sk-abcdefghijklmnopqrstuvwx", "pii_api_key"),
        ("key AKIAIOSFODNN7EXAMPLE", "pii_api_key"),
        ("task-list and risk-free", None),
    ],
)
def test_what_is_found(text, expected):
    assert reason(PersonalData(), "Hi", text) == expected
    assert reason(PersonalData(), text, "Hi") == expected


def test_only_the_kinds_that_are_named_are_looked_for():
    text = "anna@uni-wroclaw.pl and 4539 1488 0343 6467"
    assert reason(PersonalData(kinds=("card",)), "Hi", text) == "pii_card"
    assert reason(PersonalData(kinds=("iban",)), "Hi", text) is None


def test_redaction_replaces_findings_and_nothing_else():
    conversation = row("From anna@uni-wroclaw.pl", "Paid with 4539 1488 0343 6467, not 4539 1488 0343 6468.")
    redacted = PersonalData(action="redact").redacted(conversation)
    assert redacted.prompt == "From [EMAIL]"
    assert redacted.response == "Paid with [CARD], not 4539 1488 0343 6468."
    assert PersonalData().judge(redacted, NO_FACTS) is None
