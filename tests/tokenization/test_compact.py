"""Rows that are kept small come back as they were."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sftctl.tokenization.compact import (
    CompactRows,
    counted_tokens_of,
    lengths_of,
    roles_of,
    trained_tokens_of,
)
from sftctl.tokenization.rows import NOT_TRAINED, EncodedRow


def row(number: int, ids: list[int], trained: list[bool]) -> EncodedRow:
    labels = [token if loss else NOT_TRAINED for token, loss in zip(ids, trained, strict=True)]
    return EncodedRow(f"row {number}", f"source {number % 2}", "general" if number % 3 else "domain", ids, labels)


rows_of_any_kind = st.lists(
    st.lists(st.tuples(st.integers(0, 2**31 - 1), st.booleans()), min_size=1, max_size=9), max_size=12
).map(lambda rows: [row(i, [t for t, _ in tokens], [loss for _, loss in tokens]) for i, tokens in enumerate(rows)])


@given(first=rows_of_any_kind, second=rows_of_any_kind)
def test_rows_come_back_as_they_were(first, second):
    rows = [*first, *second]
    compact = CompactRows()
    compact.extend(first)
    compact.extend(second)
    assert list(compact) == rows
    assert compact[1:5] == rows[1:5]
    assert [compact[-1 - i] for i in range(len(rows))] == rows[::-1]
    for facts_of in (lengths_of, trained_tokens_of, counted_tokens_of, roles_of):
        assert facts_of(compact) == facts_of(rows)


def test_a_first_token_is_trained_and_never_counted():
    compact = CompactRows()
    compact.extend([row(0, [0, 7, 9], [True, True, False]), row(1, [5, 6], [False, True])])
    assert (compact.lengths, compact.trained_tokens, compact.counted_tokens) == ([3, 2], [2, 1], [1, 1])
    with pytest.raises(IndexError):
        compact[2]


def test_a_label_that_is_another_token_is_refused():
    with pytest.raises(ValueError, match="not its token"):
        CompactRows().extend([EncodedRow("a", "a", "domain", [1, 2], [NOT_TRAINED, 3])])


def test_a_token_takes_four_bytes():
    compact = CompactRows()
    tracemalloc.start()
    for _ in range(20):
        compact.extend([row(number, list(range(1000)), [True] * 1000) for number in range(20)])
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # 400,000 tokens; the array grows ahead by an eighth, and a row has its bounds, its count and three references.
    assert 4.0 <= held / 400_000 < 4.8
