import random

from sftctl.smoke_test.sample import longest_first, spread
from sftctl.tokenization.rows import EncodedRow


def _rows(lengths):
    return [EncodedRow(f"row{i}", "s", "domain", [1] * n, [1] * n) for i, n in enumerate(lengths)]


def test_the_longest_rows_come_first():
    rows = _rows([5, 90, 7, 40, 6, 91])
    assert [row.id for row in longest_first(rows, 5, 3, random.Random(1))][:3] == ["row5", "row1", "row3"]


def test_the_rest_is_drawn_from_all_rows_without_repetition():
    rows = _rows(range(1, 101))
    rest = longest_first(rows, 60, 10, random.Random(1))[10:]
    assert len({row.id for row in rest}) == 50


def test_a_sample_larger_than_the_data_holds_every_row():
    rows = _rows([3, 9, 4])
    assert {row.id for row in longest_first(rows, 32, 1, random.Random(1))} == {"row0", "row1", "row2"}


def test_the_same_seed_draws_the_same_rows():
    rows = _rows(range(1, 101))
    assert spread(rows, 9, random.Random(2)) == spread(rows, 9, random.Random(2))
    assert len(spread(rows, 9, random.Random(2))) == 9
    assert spread(rows[:4], 9, random.Random(2)) == rows[:4]
