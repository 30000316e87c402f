"""Real data, against plain code: near-duplicate pairs of T0, leaks of the held-out set, copies across two files."""

import gzip
import itertools
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.curate import plain_pairs
from tests.curate.conversations import read_jsonl, run_curate
from tests.curate.test_near_duplicates import found_pairs, plain

pytestmark = pytest.mark.slow

T0_ROWS = 4_000


@pytest.fixture(scope="module")
def t0(test_data: Path) -> list[dict]:
    with gzip.open(test_data / "data/sft/t0.jsonl.gz", "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in itertools.islice(file, T0_ROWS)]


def sides(rows: list[dict]) -> tuple[list[str], list[str]]:
    return [row["prompt"] for row in rows], [row["completion"].removesuffix("<|endoftext|>") for row in rows]


@pytest.mark.parametrize("method", ["exact", "minhash"])
def test_pairs_of_t0_are_those_of_plain_code(t0, method):
    prompts, responses = sides(t0)
    expected = plain(prompts, responses, None)
    found = found_pairs(prompts, responses, method=method, scope="prompt", max_shingle_rows=10**9)
    assert found <= expected
    assert len(found) >= 0.99 * len(expected) > 10_000
    expected = plain(prompts, responses, 100)
    found = found_pairs(prompts, responses, method=method)
    assert found <= expected
    assert len(found) >= 0.99 * len(expected) > 4_000


def test_nothing_near_a_held_out_row_of_t0_is_trained_on_and_rows_go_for_rows_that_stay(t0, tmp_path):
    rows = tmp_path / "rows.jsonl"
    rows.write_text("".join(json.dumps(row) + "\n" for row in t0), encoding="utf-8")
    result = run_curate(tmp_path)
    held_out = read_jsonl(tmp_path / "run/data/held_out.jsonl")
    training = read_jsonl(tmp_path / "run/data/train.jsonl")
    assert len(held_out) == 200
    assert sum(result.verdicts.values()) == T0_ROWS == result.repairs["special_token"]
    for side in ("prompt", "whole"):
        sets = [plain_pairs.shingle_set(_text(row, side)) for row in (*held_out, *training)]
        pairs = plain_pairs.similar_pairs(sets, 0.8)
        assert [pair for pair in pairs if pair[0] < 200 <= pair[1]] == []
    kept = {row["id"]: row for row in training}
    rejected = [row for row in read_jsonl(tmp_path / "run/data/rejected.jsonl") if row["reason"] == "near_duplicate"]
    assert len(rejected) > 1_000
    assert [row["id"] for row in rejected if row["matched_id"] not in kept] == []
    similar = _similarity_without_boilerplate(t0)
    assert min(similar(row["row"], kept[row["matched_id"]]) for row in rejected) >= 0.8 - 1e-9


def _text(row: dict, side: str) -> str:
    prompt, response = (message["content"] for message in row["messages"])
    return prompt if side == "prompt" else f"{prompt} {response}"


def _similarity_without_boilerplate(rows: list[dict]) -> Callable[[dict, dict], float]:
    """The smaller similarity of prompts and of responses; what is boilerplate is counted over distinct rows."""
    distinct = list(dict.fromkeys(zip(*sides(rows), strict=True)))
    reduced = [
        plain_pairs.without_boilerplate([plain_pairs.shingle_set(pair[side]) for pair in distinct], 100)
        for side in (0, 1)
    ]
    sets = {pair: (prompt, response) for pair, prompt, response in zip(distinct, *reduced, strict=True)}

    def similarity(row: dict, other: dict) -> float:
        both = (sets[tuple(message["content"] for message in one["messages"])] for one in (row, other))
        return min(len(left & right) / max(len(left | right), 1) for left, right in zip(*both, strict=True))

    return similarity


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
