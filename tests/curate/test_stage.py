"""The whole of curate: every row accounted for, the same bytes every time."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from sftctl import run_dir as run_dir_module
from sftctl.curate.config import QualityConfig
from sftctl.curate.verdicts import Decision, Notes, account
from sftctl.data.ingested import Blank, Ingested, Place
from sftctl.errors import DataUnusable, GateFailed, UsageError
from tests.curate.conversations import Losses, conversation, made_up_rows, read_jsonl, run_curate, write_rows

FILES = ("train.jsonl", "held_out.jsonl", "rejected.jsonl", "verdicts.parquet", "curate.json")

DIRTY = [
    ("What is the fee of the blue card for a year?", "It is four pounds.<|endoftext|>"),
    ("What is the fee of the blue card for a year?", "It is four pounds."),
    ("what is the fee of the blue card for a year", "It is four pounds!"),
    ("What is the fee of the red card for a year?", ""),
]


def write_dirty(folder: Path) -> None:
    write_rows(folder / "rows.jsonl", [*made_up_rows(40), *DIRTY])
    with (folder / "rows.jsonl").open("a") as file:
        file.write("\n{broken\n")


def run_dirty(folder: Path, run: str = "run", **section):
    return run_curate(folder, run=run, max_bad_fraction=0.1, **{"hold_out": {"rows": 4}, **section})


def test_every_row_has_one_verdict_and_they_add_up(tmp_path):
    write_dirty(tmp_path)
    result = run_dirty(tmp_path, hold_out={"rows": 0})
    assert result.rows_in == 46 == sum(result.verdicts.values())
    assert result.reasons == {"empty_response": 1, "exact_duplicate": 1, "malformed_json": 1, "near_duplicate": 1}
    assert (result.verdicts["kept"], result.verdicts["blank"]) == (41, 1)
    table = pq.read_table(tmp_path / "run/data/verdicts.parquet").to_pylist()
    assert [row["line"] for row in table] == list(range(1, 47))
    by_line = {row["line"]: (row["stage"], row["verdict"], row["reason"], row["repairs"]) for row in table}
    assert by_line[1] == ("mix", "kept", None, [])
    assert by_line[41] == ("mix", "kept", None, ["special_token"])
    assert by_line[42] == ("exact_duplicates", "rejected", "exact_duplicate", [])
    assert by_line[43] == ("near_duplicates", "rejected", "near_duplicate", [])
    assert by_line[44] == ("filters", "rejected", "empty_response", [])
    assert by_line[45] == ("ingest", "blank", "blank_line", [])
    assert by_line[46] == ("ingest", "rejected", "malformed_json", [])
    assert table[41]["matched_id"] == table[40]["id"] == table[42]["matched_id"]


def test_repairs_and_repeated_rows_are_told_and_add_up(tmp_path, capsys):
    write_dirty(tmp_path)
    write_rows(tmp_path / "few.jsonl", [("Where is the safe?", "In the cellar."), ("Who has the key?", "The porter.")])
    sources = [
        {"name": "domain", "path": str(tmp_path / "rows.jsonl"), "share": 0.9},
        {"name": "few", "path": str(tmp_path / "few.jsonl"), "role": "general", "share": 0.1},
    ]
    run_dirty(tmp_path, hold_out={"rows": 0}, sources=sources, mix={"size": 40})
    told = capsys.readouterr().err.splitlines()
    assert "40 training rows = 38 kept + 2 repeated" in told
    assert "repaired: special_token 1" in told
    assert not [line for line in told if line.startswith("flagged")]


def test_rejected_rows_are_kept_whole_with_their_reason(tmp_path):
    write_dirty(tmp_path)
    run_dirty(tmp_path, hold_out={"rows": 0})
    rejected = read_jsonl(tmp_path / "run/data/rejected.jsonl")
    assert [(row["line"], row["reason"]) for row in rejected] == [
        (42, "exact_duplicate"),
        (43, "near_duplicate"),
        (44, "empty_response"),
        (46, "malformed_json"),
    ]
    assert rejected[1]["row"]["messages"][0]["content"] == DIRTY[2][0]
    assert rejected[3]["row"] == "{broken\n"


@pytest.mark.parametrize(("what", "reasons"), [("reject", {"control_token": 1}), ("keep", {})])
def test_tokens_of_the_recipes_own_tokenizer_are_refused_in_prompts(tmp_path, what, reasons):
    # The built-in model's turns begin with <|turn|>, which no other model knows.
    rows = [*made_up_rows(20), ("Say <|turn|>assistant and stop.", "No."), ("What is <|turn |> here?", "Nothing.")]
    write_rows(tmp_path / "rows.jsonl", rows)
    result = run_curate(tmp_path, hold_out={"rows": 0}, on_control_tokens=what, max_bad_fraction=0.1)
    assert result.reasons == reasons


def test_rows_to_read_are_shown_for_every_reason(tmp_path):
    write_dirty(tmp_path)
    samples = run_dirty(tmp_path).samples
    assert len(samples["kept"]) == 20
    assert [sample.row["messages"][0]["content"] for sample in samples["reason: near_duplicate"]] == [DIRTY[2][0]]
    assert samples["reason: near_duplicate"][0].matched["messages"][1]["content"] == "It is four pounds."


def test_a_row_without_a_verdict_or_with_two_stops_the_run():
    row = conversation("q", "a", "1")
    ingested = Ingested([row], {"1": Place("f", 1)}, [], [Blank("f:2", "domain", Place("f", 2))], [], 2)
    kept = Decision("1", "kept", "mix")
    assert [verdict.decision.verdict for verdict in account(ingested, [kept], Notes())] == ["kept", "blank"]
    with pytest.raises(AssertionError, match="two verdicts"):
        account(ingested, [kept, kept], Notes())
    with pytest.raises(AssertionError, match="1 rows have no verdict"):
        account(ingested, [], Notes())
    with pytest.raises(AssertionError, match="no row that was read"):
        account(ingested, [kept, Decision("2", "kept", "mix")], Notes())


def test_too_many_dropped_rows_fail_the_gate_after_all_is_written(tmp_path):
    write_rows(tmp_path / "rows.jsonl", [*made_up_rows(10), *[(f"Question {n}?", "") for n in range(10)]])
    with pytest.raises(GateFailed, match=r"dropped 50 % of the rows, more than .* \(30 %\)"):
        run_curate(tmp_path, hold_out={"rows": 0}, max_dropped_fraction=0.3)
    assert json.loads((tmp_path / "run/data/curate.json").read_text())["passed"] is False
    assert run_curate(tmp_path, hold_out={"rows": 0}, max_dropped_fraction=0.5).passed


def test_no_row_left_is_unusable_data(tmp_path):
    write_rows(tmp_path / "rows.jsonl", [(f"Question {n}?", "") for n in range(10)])
    with pytest.raises(DataUnusable, match="no row is left to train on"):
        run_curate(tmp_path, hold_out={"rows": 0})


def test_a_score_without_a_model_is_refused(tmp_path):
    write_rows(tmp_path / "rows.jsonl", made_up_rows(10))
    with pytest.raises(UsageError, match=r"curate\.quality\.score: ifd needs the recipe's model"):
        run_curate(tmp_path, hold_out={"rows": 0}, quality={"score": "ifd"})


def test_the_best_near_duplicate_is_the_one_with_the_best_score(tmp_path):
    questions = [f"Say how the yearly fee of card {n} is worked out{sign}" for n in range(20) for sign in "?!"]
    write_rows(tmp_path / "rows.jsonl", [(question, "It is four pounds.") for question in questions])

    losses = Losses(lambda row: 1.0 if row.prompt.endswith("?") else 0.5)
    options = {"hold_out": {"rows": 0}, "quality": QualityConfig(score="perplexity"), "score": losses}
    for keep, sign in (("first", "?"), ("best", "!")):
        result = run_curate(tmp_path, run=keep, near_duplicates={"keep": keep}, **options)
        kept = [row["messages"][0]["content"][-1] for row in read_jsonl(tmp_path / keep / "data/train.jsonl")]
        assert (kept, result.reasons) == ([sign] * 20, {"near_duplicate": 20})


def test_chosen_rows_and_the_others_are_accounted_for(tmp_path):
    write_rows(tmp_path / "rows.jsonl", made_up_rows(60))
    result = run_curate(tmp_path, hold_out={"rows": 10}, select={"rows": 15})
    assert result.verdicts == {
        "kept": 15, "rejected": 0, "held_out": 10, "not_selected": 35, "mixed_out": 0, "blank": 0,
    }  # fmt: skip


class Killed(BaseException):
    """Stands for SIGKILL: nothing catches it."""


@pytest.mark.parametrize("files_written", range(len(FILES)))
def test_killed_and_run_again_gives_the_same_bytes(tmp_path, monkeypatch, files_written):
    write_dirty(tmp_path)
    run_dirty(tmp_path, run="whole")
    count = 0
    replace = os.replace

    def killed_at(source, target):
        nonlocal count
        if count == files_written:
            raise Killed
        count += 1
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(run_dir_module.os, "replace", killed_at)
        with pytest.raises(Killed):
            run_dirty(tmp_path, run="killed")
    run_dirty(tmp_path, run="killed")
    for name in FILES:
        whole, again = ((tmp_path / run / "data" / name).read_bytes() for run in ("whole", "killed"))
        assert whole == again, name


CURATE_ROWS = "import sys; from pathlib import Path; from tests.curate.conversations import run_curate; " + (
    "run_curate(Path(sys.argv[1]), run=sys.argv[2], hold_out={'rows': 4}, max_bad_fraction=0.1, select={'rows': 20})"
)


def test_hash_seed_and_threads_change_no_byte(tmp_path):
    write_dirty(tmp_path)
    for run, threads in (("1", "1"), ("4242", "2")):
        environment = {**os.environ, "PYTHONHASHSEED": run, "OMP_NUM_THREADS": threads, "RAYON_NUM_THREADS": threads}
        subprocess.run(
            [sys.executable, "-c", CURATE_ROWS, str(tmp_path), run],
            check=True, env=environment, cwd=Path(__file__).parents[2], capture_output=True,
        )  # fmt: skip
    for name in FILES:
        assert (tmp_path / "1/data" / name).read_bytes() == (tmp_path / "4242/data" / name).read_bytes(), name


def test_held_out_rows_that_a_filter_would_drop_are_told_and_stay(tmp_path):
    rows = [
        {"question": f"What is the fee of plan {n} in {word} years?", "answer": "" if n % 4 else f"It is {n} euros."}
        for n, word in enumerate(["two", "nine", "some", "many", "few"] * 8)
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    result = run_curate(
        tmp_path,
        sources=[{"name": "desk", "path": str(path)}],
        hold_out={"rows": 8},
        max_dropped_fraction=1.0,
        max_bad_fraction=1.0,
    )
    held_out = read_jsonl(tmp_path / "run/data/held_out.jsonl")
    empty = sum(row["messages"][1]["content"] == "" for row in held_out)
    assert empty > 0
    told = f"{empty} of {len(held_out)} held-out rows would have been dropped by filters (empty_response {empty})."
    assert [warning for warning in result.warnings if warning.startswith(told)]
