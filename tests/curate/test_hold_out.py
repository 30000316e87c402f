"""Rows that are held out: nothing near them is trained on, and they stay held out."""

from typing import Literal

import pytest

from sftctl.curate.config import HoldOutConfig
from sftctl.curate.hold_out import draw_held_out
from sftctl.curate.result import CurateResult
from sftctl.errors import DataUnusable, MissingInput
from tests.curate import plain_pairs
from tests.curate.conversations import conversation, made_up_rows, read_jsonl, run_curate, write_rows

PASSAGE = "The blue card costs four pounds a year and the red card costs nine pounds a year for people who live in {}"


def passages(count: int, questions: int) -> list[tuple[str, str]]:
    """Each passage with several questions: near copies whose answers differ."""
    rows = []
    for n in range(count):
        text = PASSAGE.format(f"district number {n} " * 6)
        rows += [(f"{text} Question {k}?", f"answer {k}") for k in range(questions)]
    return rows


def texts(row: dict) -> tuple[str, str]:
    prompt, response = (message["content"] for message in row["messages"])
    return prompt, f"{prompt} {response}"


def leaks(held_out: list[dict], training: list[dict]) -> int:
    """Plain Jaccard of prompts and of whole texts, every shingle counted."""
    near = 0
    for side in (0, 1):
        out = [plain_pairs.shingle_set(texts(row)[side]) for row in held_out]
        for row in training:
            own = plain_pairs.shingle_set(texts(row)[side])
            near += any(own and len(own & other) >= 0.8 * len(own | other) for other in out)
    return near


def test_no_near_copy_of_a_held_out_row_is_trained_on(tmp_path):
    write_rows(tmp_path / "rows.jsonl", [*passages(60, 3), *made_up_rows(200)])
    result = run_curate(tmp_path, hold_out={"rows": 60})
    held_out = read_jsonl(tmp_path / "run/data/held_out.jsonl")
    training = read_jsonl(tmp_path / "run/data/train.jsonl")
    assert len(held_out) == 60 == result.hold_out.rows
    assert leaks(held_out, training) == 0 == result.hold_out.near_copies_in_training
    # What a random split would have done: held-out rows have near copies among all rows.
    assert any("Question" in texts(row)[0] for row in held_out)
    assert not {row["id"] for row in held_out} & {row["id"] for row in training}


def draw(
    groups: list[int],
    rows: int | Literal["auto"],
    carried: frozenset[int] = frozenset(),
    sources: str = "domain",
) -> list[int]:
    names = sources.split()
    conversations = [conversation(f"q{n}", "a", source=names[n % len(names)]) for n in range(len(groups))]
    return draw_held_out(conversations, groups, carried, HoldOutConfig(rows=rows)).rows


def test_a_group_is_held_out_whole_or_not_at_all():
    groups = [n // 2 for n in range(400)]
    rows = draw(groups, 40)
    assert len(rows) == 40
    assert all(row ^ 1 in rows for row in rows)


def test_a_group_larger_than_a_tenth_of_the_quota_stays_in_training():
    groups = [0] * 5 + [1] * 4 + list(range(2, 393))
    for _ in range(3):
        rows = draw(groups, 40)
        assert not set(range(5)) & set(rows)


def told(groups: list[int], rows: int | Literal["auto"]) -> tuple[str, ...]:
    conversations = [conversation(f"q{n}", "a") for n in range(len(groups))]
    return draw_held_out(conversations, groups, frozenset(), HoldOutConfig(rows=rows)).warnings


def test_groups_too_large_to_hold_out_are_told_with_a_quota_that_can_be_met():
    # 40 groups of 30, and one of 13: a quota of 200 takes groups of up to 20, one of 300 those of 30.
    groups = [n // 30 for n in range(1200)] + [40] * 13 + [41 + n // 30 for n in range(600)]
    assert told(groups, 200) == (
        "13 of 200 domain rows are held out: the others are near copies of each other in groups of up to 30 rows, and "
        "one that is larger than a tenth of the quota stays in training. Set curate.hold_out.rows to 300, or name a "
        "file of rows in curate.hold_out.frozen",
    )
    assert told(groups, 300) == ()


def test_groups_too_large_for_any_quota_are_told(tmp_path):
    write_rows(tmp_path / "rows.jsonl", passages(2, 30))
    result = run_curate(tmp_path, hold_out={"rows": 10})
    assert result.hold_out.rows == 0
    (warning,) = result.warnings
    assert warning.startswith("0 of 10 domain rows are held out: the others are near copies")
    assert "Raise curate.near_duplicates.threshold, or name a file" in warning


def test_too_few_rows_for_the_quota_are_told():
    assert told(list(range(50)), 200) == (
        "10 of 200 domain rows are held out: there are 50, and at most a fifth of them may be. Add domain rows, "
        "or set curate.hold_out.rows to 10",
    )
    assert told(list(range(50)), 11) == ()


def test_at_most_a_fifth_of_a_role_is_held_out():
    assert len(draw(list(range(50)), 200)) == 10


@pytest.mark.parametrize(("rows", "held_out"), [(50, 10), (1000, 200), (3000, 200)])
def test_by_default_200_rows_or_a_fifth_of_fewer_are_held_out_without_a_warning(rows, held_out):
    assert HoldOutConfig().rows == "auto"
    assert (len(draw(list(range(rows)), "auto")), told(list(range(rows)), "auto")) == (held_out, ())


def test_sources_give_in_proportion_to_their_rows():
    rows = draw(list(range(1000)), 100, sources="a a a b")
    assert (sum(row % 4 == 3 for row in rows), len(rows)) == (25, 100)


def test_drawing_again_draws_nothing_more():
    groups = [n // 3 for n in range(500)]
    first = draw(groups, 50)
    assert len(first) in (48, 49, 50)
    assert draw(groups, 50, frozenset(first)) == []


def test_each_role_has_its_own_rows(tmp_path):
    write_rows(tmp_path / "a.jsonl", made_up_rows(100))
    write_rows(tmp_path / "b.jsonl", [(f"Who wrote book {n} of shelf {n * 7}?", f"Author {n}.") for n in range(50)])
    sources = [
        {"name": "desk", "path": str(tmp_path / "a.jsonl")},
        {"name": "general", "path": str(tmp_path / "b.jsonl"), "role": "general"},
    ]
    assert run_curate(tmp_path, sources=sources, hold_out={"rows": 8}).hold_out.rows_by_role == {
        "domain": 8,
        "general": 8,
    }


def held_out_ids(tmp_path, run="run") -> list[str]:
    return [row["id"] for row in read_jsonl(tmp_path / run / "data/held_out.jsonl")]


def test_a_grown_file_keeps_the_same_rows_out_and_rejects_their_near_copies(tmp_path):
    rows = [*passages(30, 1), *made_up_rows(100)]
    write_rows(tmp_path / "rows.jsonl", rows)
    run_curate(tmp_path, hold_out={"rows": 20})
    before = held_out_ids(tmp_path)
    out = {row["messages"][0]["content"] for row in read_jsonl(tmp_path / "run/data/held_out.jsonl")}
    copied = next(prompt for prompt in sorted(out) if "Question" in prompt)
    write_rows(tmp_path / "rows.jsonl", [*rows, (copied.replace("Question 0", "Question 9"), "new"), *passages(30, 1)])
    result = run_curate(tmp_path, hold_out={"rows": 20})
    assert held_out_ids(tmp_path) == before
    assert result.hold_out.absent_rows == 0
    assert result.reasons["near_held_out"] == 1
    assert result.reasons["exact_duplicate"] == 30


def test_fewer_rows_than_an_earlier_run_held_out_need_another_run_directory_and_that_is_said(tmp_path, capsys):
    write_rows(tmp_path / "rows.jsonl", made_up_rows(100))
    run_curate(tmp_path, hold_out={"rows": 20})
    capsys.readouterr()
    assert run_curate(tmp_path, hold_out={"rows": 5}).hold_out.rows == 20
    said = "held out: the 20 rows that an earlier run held out; curate.hold_out.rows asks for 5: fewer need another"
    assert said in capsys.readouterr().err


def test_rows_that_the_input_lost_stay_held_out(tmp_path):
    write_rows(tmp_path / "rows.jsonl", made_up_rows(100))
    run_curate(tmp_path, hold_out={"rows": 20})
    before = held_out_ids(tmp_path)
    write_rows(tmp_path / "rows.jsonl", [(f"Another question of number {n}?", "yes") for n in range(100)])
    result = run_curate(tmp_path, hold_out={"rows": 20})
    assert held_out_ids(tmp_path) == before
    assert (result.hold_out.rows, result.hold_out.absent_rows, result.verdicts["held_out"]) == (20, 20, 0)


def frozen_run(tmp_path) -> CurateResult:
    write_rows(tmp_path / "rows.jsonl", made_up_rows(100))
    run_curate(tmp_path, hold_out={"rows": 10})
    write_rows(tmp_path / "rows.jsonl", made_up_rows(150))
    return run_curate(tmp_path, run="other", hold_out={"frozen": tmp_path / "run/data/held_out.jsonl"})


def test_a_frozen_file_is_the_held_out_set(tmp_path):
    result = frozen_run(tmp_path)
    assert result.hold_out.frozen
    assert (result.hold_out.rows, result.verdicts["held_out"]) == (10, 10)
    same = (tmp_path / "other/data/held_out.jsonl").read_bytes() == (tmp_path / "run/data/held_out.jsonl").read_bytes()
    assert same


@pytest.mark.parametrize(
    "row", ["no JSON", "[1]", '{"x": 1}', '{"id": "1", "messages": [], "source": "a", "role": "code"}']
)
def test_a_frozen_file_that_no_run_wrote_is_an_error_at_its_line(row, tmp_path):
    write_rows(tmp_path / "rows.jsonl", made_up_rows(20))
    (tmp_path / "frozen.jsonl").write_text(f"{row}\n")
    with pytest.raises(DataUnusable, match=r"frozen\.jsonl:1: no row as sftctl writes it"):
        run_curate(tmp_path, hold_out={"frozen": tmp_path / "frozen.jsonl"})


def test_a_frozen_file_that_is_not_there_is_an_error(tmp_path):
    write_rows(tmp_path / "rows.jsonl", made_up_rows(20))
    with pytest.raises(MissingInput, match=r"gone\.jsonl does not exist"):
        run_curate(tmp_path, hold_out={"frozen": tmp_path / "gone.jsonl"})
