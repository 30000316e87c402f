"""Training rows that hold a test item are found; boilerplate is not mistaken for one."""

import json

from sftctl.curate.decontaminate import find_contaminated
from sftctl.curate.words import split_words
from tests.curate.conversations import made_up_rows, read_jsonl, run_curate, write_rows


def words(first: int, count: int) -> str:
    return " ".join(f"w{n}" for n in range(first, first + count))


def contaminated(rows: list[str], items: list[str], groups: list[int] | None = None, most: int = 10) -> list[tuple]:
    hits = find_contaminated(split_words(rows), split_words(items), groups or list(range(len(rows))), most)
    return [(hit.row, hit.item) for hit in hits]


def test_thirteen_words_in_a_row_are_a_hit_and_twelve_are_not():
    item = words(0, 60)
    rows = [f"a b {words(20, 13)} c", f"a b {words(20, 12)} c", "nothing of it"]
    assert contaminated(rows, [item]) == [(0, 0)]


def test_eight_words_are_a_hit_when_they_cover_half_of_the_item():
    assert contaminated([f"a {words(0, 8)} b"], [words(0, 16)]) == [(0, 0)]
    assert contaminated([f"a {words(0, 8)} b"], [words(0, 17)]) == []
    # Two stretches of eight cover 16 of 30.
    assert contaminated([f"{words(0, 8)} x {words(20, 8)}"], [words(0, 30)]) == [(0, 0)]
    assert contaminated([f"{words(0, 8)} x {words(20, 8)}"], [words(0, 33)]) == []


def test_overlapping_stretches_are_counted_once():
    # Words 0 to 9: three 8-grams that cover 10 of 21.
    assert contaminated([words(0, 10)], [words(0, 21)]) == []
    assert contaminated([words(0, 10)], [words(0, 20)]) == [(0, 0)]


def test_an_item_of_fewer_than_eight_words_is_never_found():
    assert contaminated([words(0, 40)], [words(0, 7)]) == []


def test_the_item_that_is_covered_most_is_named():
    assert contaminated([words(0, 10)], [f"{words(0, 8)} x y z", words(0, 10)]) == [(0, 1)]


def test_what_many_unrelated_rows_hold_is_boilerplate():
    rows = [f"{words(0, 14)} {n} {n + 1} end" for n in range(6)]
    assert contaminated(rows, [words(0, 14)], most=5) == []
    # Six near copies are one leak six times, not boilerplate.
    assert len(contaminated(rows, [words(0, 14)], groups=[0] * 6, most=5)) == 6


def test_rows_that_hold_a_benchmark_item_are_rejected_with_its_place(tmp_path):
    question = "A baker sells forty loaves on Monday and twice as many on Tuesday; how many loaves are sold in all?"
    (tmp_path / "test.jsonl").write_text(
        json.dumps({"question": "What is it?", "choices": ["a", "b"]})
        + "\n"
        + json.dumps({"question": question})
        + "\n"
    )
    write_rows(tmp_path / "rows.jsonl", [*made_up_rows(60), (f"Solve this. {question}", "120")])
    result = run_curate(tmp_path, hold_out={"rows": 0}, decontaminate={"benchmarks": [tmp_path / "test.jsonl"]})
    assert result.reasons == {"benchmark_item": 1}
    assert result.decontamination.items == {"test.jsonl": 2}
    assert result.decontamination.hits == {"test.jsonl": 1}
    (row,) = read_jsonl(tmp_path / "run/data/rejected.jsonl")
    assert (row["stage"], row["matched_id"], row["line"]) == ("decontaminate", "test.jsonl:2", 61)


def held_out_hits(tmp_path, held_out: tuple[str, str], rows: list[tuple[str, str]]) -> list[int]:
    """Lines that are rejected for a held-out row."""
    prompt, response = held_out
    turns = [{"role": "user", "content": prompt}, {"role": "assistant", "content": response}]
    frozen = {"id": "frozen", "messages": turns, "source": "domain", "role": "domain"}
    (tmp_path / "frozen.jsonl").write_text(json.dumps(frozen) + "\n")
    write_rows(tmp_path / "rows.jsonl", [*rows, *made_up_rows(20)])
    run_curate(tmp_path, hold_out={"frozen": tmp_path / "frozen.jsonl"})
    rejected = read_jsonl(tmp_path / "run/data/rejected.jsonl")
    return [row["line"] for row in rejected if row["reason"] == "held_out_item"]


def test_rows_asked_in_the_words_of_a_held_out_row_about_something_else_stay(tmp_path):
    asked = "Write the section called features of the readme of {}"
    names = ["the blue parser", "our old mailer", "a small clock", "some other tool"]
    rows = [(asked.format(name), f"{name} has no features, {words(50 * n, 30)}") for n, name in enumerate(names)]
    held_out = (asked.format("one queue"), words(900, 30))
    assert held_out_hits(tmp_path, held_out, rows) == []
    # The held-out question itself, inside two unrelated rows, is a leak.
    leaks = [(f"{words(400 + 50 * n, 30)} {held_out[0]}", f"answer {n}") for n in range(2)]
    assert held_out_hits(tmp_path, (f"{held_out[0]} by {words(960, 4)}", words(900, 30)), leaks) == [1, 2]


def test_an_idiom_of_a_held_out_answer_is_no_leak_and_half_of_the_answer_is(tmp_path):
    answer = words(0, 40)
    rows = [
        ("Say what it does.", f"{words(100, 30)} {words(3, 14)}"),
        ("Say it all.", f"{words(200, 9)} {words(3, 22)}"),
    ]
    assert held_out_hits(tmp_path, ("Tell me.", answer), rows) == [2]
