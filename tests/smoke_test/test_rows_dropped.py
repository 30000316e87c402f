"""What the check of dropped rows says: which, why, and what to do."""

from types import SimpleNamespace

from sftctl.smoke_test.checks.data import rows_dropped
from sftctl.smoke_test.telling import in_words
from sftctl.tokenization.rows import RefusedRow


def test_a_row_that_is_too_long_is_named_with_its_length():
    refused = [RefusedRow("a1", "desk", "too_long", "9000 tokens, more than 2048")]
    check = rows_dropped(
        SimpleNamespace(inputs=SimpleNamespace(training=SimpleNamespace(refused=refused, rows=[1] * 3)))
    )
    assert check.verdict == "warn"
    assert in_words(check) == (
        "data.rows_dropped: 1 of 4 rows dropped (25 %): too_long, such as a1: 9000 tokens, more than 2048. "
        "These are not trained: mend or shorten them at their source, if they matter"
    )
