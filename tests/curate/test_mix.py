"""Every source has its share of the training set, or the error says what is missing."""

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from sftctl.curate.config import CurateConfig, MixConfig
from sftctl.curate.mix import Mixed, mix
from sftctl.data.source import Source
from sftctl.errors import DataUnusable
from tests.curate.conversations import conversation, made_up_rows, run_curate, write_rows


def mixed(counts: dict[str, int], shares: dict[str, float], tokens: int = 1, **options) -> Mixed:
    rows = [conversation(f"{name} {n}", "a", source=name) for name, count in counts.items() for n in range(count)]
    sources = [Source(name=name, path="rows.jsonl", share=share) for name, share in shares.items()]
    sizes = {row.id: 1 if tokens == 1 else 1 + (i * 7) % tokens for i, row in enumerate(rows)}
    return mix(rows, sources, MixConfig(**options), sizes, random.Random(1))


def test_shares_are_reached_to_the_row():
    result = mixed({"a": 100, "b": 300}, {"a": 0.3, "b": 0.7}, size=200)
    assert Counter(row.source for row in result.rows) == {"a": 60, "b": 140}
    assert len(result.left_out) == 200
    assert result.report.reached == {"a": 0.3, "b": 0.7}


def test_a_scarce_source_is_repeated_evenly_and_every_copy_is_marked():
    result = mixed({"a": 10, "b": 100}, {"a": 0.25, "b": 0.75}, size=100)
    copies = [row for row in result.rows if "copy" in row.tags]
    assert len(copies) == 15 == result.report.copies["a"]
    assert len({row.id for row in result.rows}) == 100
    times = Counter(row.id.partition("+copy")[0] for row in result.rows if row.source == "a")
    assert set(times.values()) == {2, 3}


def test_without_a_size_the_scarcest_source_decides():
    # 10 rows used 3 times are 30; half of the result is 30.
    result = mixed({"a": 10, "b": 1000}, {"a": 0.5, "b": 0.5})
    assert Counter(row.source for row in result.rows) == {"a": 30, "b": 30}


def test_shares_as_the_rows_are_leave_nothing_out():
    result = mixed({"a": 30, "b": 70}, {"a": 0.3, "b": 0.7})
    assert (len(result.rows), len(result.left_out), result.report.copies) == (100, 0, {"a": 0, "b": 0})


def test_the_error_says_how_many_rows_are_missing():
    # 90 rows at three uses of a row need 30 different ones.
    with pytest.raises(DataUnusable, match=r"a: 0\.9 of 100 is 90 rows; it has 20, .* 10 rows are missing"):
        mixed({"a": 20, "b": 100}, {"a": 0.9, "b": 0.1}, size=100)


def test_a_source_without_a_row_is_an_error():
    with pytest.raises(DataUnusable, match=r"source b has a share of 0\.5 and no row left"):
        mixed({"a": 20, "b": 0}, {"a": 0.5, "b": 0.5})


def test_shares_of_tokens_are_reached_within_a_row():
    result = mixed({"a": 200, "b": 200}, {"a": 0.2, "b": 0.8}, tokens=50, by="tokens", size=4000)
    assert result.report.reached["a"] == pytest.approx(0.2, abs=50 / 4000)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(5, 95), st.integers(1, 100))
def test_a_mix_keeps_its_proportions(first, second, percent, size):
    shares = {"a": percent / 100, "b": 1 - percent / 100}
    try:
        result = mixed({"a": first, "b": second}, shares, size=size)
    except DataUnusable:
        return
    counts = Counter(row.source for row in result.rows)
    assert all(abs(counts[name] - share * size) <= 0.5 for name, share in shares.items())
    used = Counter(row.id.partition("+copy")[0] for row in result.rows)
    assert len(used) + len(result.left_out) == first + second


def test_rows_over_the_share_are_mixed_out_and_counted(tmp_path):
    write_rows(tmp_path / "a.jsonl", made_up_rows(100))
    write_rows(tmp_path / "b.jsonl", [(f"Who wrote book {n} of shelf {n * 7}?", f"Author {n}.") for n in range(10)])
    sources = [
        {"name": "desk", "path": str(tmp_path / "a.jsonl"), "share": 0.6},
        {"name": "general", "path": str(tmp_path / "b.jsonl"), "share": 0.4, "role": "general"},
    ]
    result = run_curate(tmp_path, sources=sources, hold_out={"rows": 0})
    assert (result.training_rows, result.copies) == (75, 20)
    assert (result.verdicts["kept"], result.verdicts["mixed_out"], result.rows_in) == (55, 55, 110)
    assert "mixed_out: 55 good rows left out for the mix's shares or size" in result.notes


@pytest.mark.parametrize(
    ("shares", "message"),
    [((0.5, None), "give every source a share or none; without one: b"), ((0.5, 0.6), r"add up to 1\.1, not 1")],
)
def test_shares_that_make_no_whole_are_refused(shares, message):
    sources = [{"name": name, "path": "r.jsonl", "share": share} for name, share in zip("ab", shares, strict=True)]
    with pytest.raises(ValidationError, match=message):
        CurateConfig(sources=sources)
