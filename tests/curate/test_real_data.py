"""Real data, against plain code: near-duplicate pairs of T0, leaks of the held-out set, copies across two files."""

import gzip
import json

import pytest

from tests.curate import plain_pairs
from tests.curate.conversations import read_jsonl, run_curate
from tests.curate.test_near_duplicates import found_pairs, plain

pytestmark = pytest.mark.slow

T0_ROWS = 48_410
IGNORE_RESPONSES = {"scope": "prompt", "max_shingle_rows": 10**9}


@pytest.mark.parametrize(
    ("max_shingle_rows", "options", "pairs"),
    [
        # A minute of plain code: by hand, with `-m "slow and performance"`.
        pytest.param(None, IGNORE_RESPONSES, 563_982, marks=pytest.mark.performance),
        (100, {}, 129_952),
    ],
)
def test_pairs_of_t0_are_those_of_plain_code(test_data, max_shingle_rows, options, pairs):
    with gzip.open(test_data / "data/sft/t0.jsonl.gz", "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    prompts, responses = [row["prompt"] for row in rows], [row["completion"][: -len("<|endoftext|>")] for row in rows]
    expected = plain(prompts, responses, max_shingle_rows)
    assert (len(rows), len(expected)) == (T0_ROWS, pairs)
    for method in ("exact", "minhash"):
        found = found_pairs(prompts, responses, method=method, **options)
        assert found <= expected
        assert len(found) >= 0.99 * pairs


def test_nothing_near_a_held_out_row_of_t0_is_trained_on_and_rows_go_for_rows_that_stay(test_data, tmp_path):
    result = run_curate(tmp_path, sources=[{"name": "t0", "path": str(test_data / "data/sft/t0.jsonl.gz")}])
    held_out, training, rejected = (
        read_jsonl(tmp_path / f"run/data/{name}.jsonl") for name in ("held_out", "train", "rejected")
    )
    assert len(held_out) == 200
    assert sum(result.verdicts.values()) == T0_ROWS == result.repairs["special_token"]
    for whole in (False, True):
        out, trained = ([plain_pairs.shingle_set(_text(row, whole)) for row in rows] for rows in (held_out, training))
        assert plain_pairs.near_copies(out, trained, 0.8) == []
    # What is boilerplate is counted over all distinct rows.
    distinct = [*held_out, *training, *(row["row"] for row in rejected if row["reason"] != "exact_duplicate")]
    sides = [
        plain_pairs.without_boilerplate(
            [plain_pairs.shingle_set(row["messages"][n]["content"]) for row in distinct], 100
        )
        for n in (0, 1)
    ]
    sets = {row["id"]: both for row, *both in zip(distinct, *sides, strict=True)}
    kept = {row["id"] for row in training}
    removed = [row for row in rejected if row["reason"] == "near_duplicate"]
    assert len(removed) == result.near_duplicates.removed > 10_000
    assert {row["matched_id"] for row in removed} <= kept
    assert min(_similarity(sets[row["id"]], sets[row["matched_id"]]) for row in removed) >= 0.8 - 1e-9


def _text(row: dict, whole: bool) -> str:
    prompt, response = (message["content"] for message in row["messages"])
    return f"{prompt} {response}" if whole else prompt


def _similarity(one: list[plain_pairs.Shingles], other: list[plain_pairs.Shingles]) -> float:
    """The smaller of both sides."""
    return min(len(left & right) / max(len(left | right), 1) for left, right in zip(one, other, strict=True))


def test_all_copies_across_two_files_and_field_names_are_found(test_data, tmp_path):
    folder = test_data / "data/sft"
    sources = [
        {"name": name, "path": str(folder / f"{name}.jsonl.gz"), "role": "code"}
        for name in ("codealpaca_new", "gpteacher_codegen")
    ]
    result = run_curate(tmp_path, sources=sources, hold_out={"rows": 0}, decontaminate={"benchmarks": []})
    assert result.reasons["exact_duplicate"] == 4_535
    assert result.sources[1].verdicts == {"rejected": 4_535}


def test_test_questions_of_gsm8k_are_found_in_training(test_data, tmp_path):
    folder = test_data / "data/sft"
    sources = [
        {"name": name, "path": str(folder / f"{name}.jsonl.gz"), "fields": {"prompt": "question", "response": "answer"}}
        for name in ("gsm8k_train", "gsm8k_test")
    ]
    result = run_curate(
        tmp_path, sources=sources, hold_out={"rows": 0}, decontaminate={"benchmarks": [folder / "gsm8k_test.jsonl.gz"]}
    )
    train, test = result.sources
    assert test.verdicts == {"rejected": 1_319}
    assert train.verdicts["rejected"] < 0.05 * 7_473
