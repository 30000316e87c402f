"""Every file type gives the same rows; streams are read in bounded memory; what cannot be opened is said in words."""

import gzip
import io
import json
import re
import subprocess
import sys
import tracemalloc
from datetime import date
from decimal import Decimal

import datasets
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sftctl.data.ingest import ingest
from sftctl.data.lines import MAX_LINE_BYTES
from sftctl.data.read import read_rows, read_values
from sftctl.data.read_json import read_json
from sftctl.data.rows import BlankRow, RawRow
from sftctl.data.source import Source
from sftctl.errors import DataUnusable, EnvironmentProblem, UsageError
from tests.data.rows import FILES, ROWS, as_json, as_jsonl, as_parquet


@pytest.mark.parametrize("ending", FILES)
def test_every_file_type_gives_the_same_rows(ending, tmp_path):
    path = tmp_path / f"rows{ending}"
    path.write_bytes(FILES[ending])
    assert [row.value for row in read_rows(str(path))] == ROWS
    assert read_values(str(path)) == ROWS


@pytest.mark.parametrize(
    ("ending", "lines"), [(".jsonl", [1, 2, 3]), (".json", [2, 6, 10]), (".csv", [2, 3, 5]), (".parquet", [1, 2, 3])]
)
def test_a_row_knows_the_line_it_starts_in(ending, lines, tmp_path):
    path = tmp_path / f"rows{ending}"
    path.write_bytes(FILES[ending])
    assert [row.line for row in read_rows(str(path))] == lines


PRINT_ROWS = """
import json
from sftctl.data.read import read_rows
print(json.dumps([row.value for row in read_rows("-")]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("ending", [ending for ending in FILES if ".csv" not in ending])
def test_standard_input_is_known_by_how_it_starts(ending):
    command = [sys.executable, "-c", PRINT_ROWS]
    done = subprocess.run(command, input=FILES[ending], capture_output=True, check=True)
    assert json.loads(done.stdout) == ROWS


def test_rows_arrive_through_a_pipe():
    command = [sys.executable, "-c", PRINT_ROWS]
    done = subprocess.run(command, input=FILES[".jsonl.gz"], capture_output=True, check=True)
    assert json.loads(done.stdout) == ROWS


def test_a_file_type_can_be_named(tmp_path):
    path = tmp_path / "rows.data"
    path.write_bytes(FILES[".csv"])
    assert [row.value for row in read_rows(str(path), file_type="csv")] == ROWS


def test_gzip_is_known_by_its_content(tmp_path):
    (tmp_path / "packed.jsonl").write_bytes(FILES[".jsonl.gz"])
    (tmp_path / "unpacked.jsonl.gz").write_bytes(FILES[".jsonl"])
    assert read_values(str(tmp_path / "packed.jsonl")) == ROWS
    assert read_values(str(tmp_path / "unpacked.jsonl.gz")) == ROWS


def test_marks_line_ends_and_blank_lines_change_no_row(tmp_path):
    content = b"\xef\xbb\xbf" + FILES[".jsonl"].replace(b"\n", b"\r\n") + b"\r\n \t\r\n" + FILES[".jsonl"].strip()
    (tmp_path / "rows.jsonl").write_bytes(content)
    rows = list(read_rows(str(tmp_path / "rows.jsonl")))
    assert rows[3:5] == [BlankRow(4), BlankRow(5)]
    assert [row.value for row in rows[:3]] == [row.value for row in rows[5:]] == ROWS


def test_a_line_of_text_is_a_document(tmp_path):
    (tmp_path / "rows.txt").write_bytes(b"\xef\xbb\xbf Fees \r\n\r\nCards")
    rows = list(read_rows(str(tmp_path / "rows.txt")))
    assert rows == [RawRow({"text": " Fees "}, 1), BlankRow(2), RawRow({"text": "Cards"}, 3)]


def test_a_line_of_100_mb_is_passed_over_in_bounded_memory(tmp_path):
    path = tmp_path / "rows.jsonl.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(FILES[".jsonl"] + b'{"question": "')
        for _ in range(100):
            file.write(b"x" * 1_000_000)
        file.write(b'", "answer": "y"}\n' + FILES[".jsonl"])
    tracemalloc.start()
    read = ingest([Source(name="a", path=str(path))], max_bad_fraction=0.2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (read.rows_read, len(read.conversations)) == (7, 6)
    assert str(read.rejected[0]) == (
        f"{path}:4: the line has 100,000,032 bytes, more than the 16,777,216 that a row may have [line_too_long]"
    )
    assert peak < 3.5 * MAX_LINE_BYTES


@settings(max_examples=40)
@given(st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=40) | st.integers() | st.none(), max_size=4)))
def test_a_list_is_read_the_same_in_pieces_of_any_size(rows):
    for indent in (None, 1):
        content = json.dumps(rows, ensure_ascii=False, indent=indent).encode("utf-8", "replace")
        for piece_bytes in (1, 7, 1000):
            found = list(read_json(io.BytesIO(content), piece_bytes))
            assert [row.value for row in found] == json.loads(content)


def test_a_list_is_read_in_bounded_memory(tmp_path):
    rows = [{"text": "x" * 1000}] * 10_000
    (tmp_path / "rows.json").write_bytes(as_json(rows))
    tracemalloc.start()
    assert sum(1 for _ in read_rows(str(tmp_path / "rows.json"))) == 10_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8_000_000


def test_cells_of_other_types_become_what_json_can_hold(tmp_path):
    cell = {
        "n": 1,
        "share": float("nan"),
        "on": date(2026, 11, 22),
        "price": Decimal("1.50"),
        "raw": b"\xff",
        "tags": ["a", None],
    }
    (tmp_path / "rows.parquet").write_bytes(as_parquet([cell]))
    plain = {"n": 1, "share": None, "on": "2026-11-22", "price": "1.50", "raw": "/w==", "tags": ["a", None]}
    assert read_values(str(tmp_path / "rows.parquet")) == [plain]


def test_a_faultless_file_is_required_where_every_item_counts(tmp_path):
    (tmp_path / "rows.jsonl").write_bytes(FILES[".jsonl"] + b"{")
    with pytest.raises(
        DataUnusable, match=r"rows.jsonl:4: no valid JSON: Expecting property name .* \[malformed_json\]"
    ):
        read_values(str(tmp_path / "rows.jsonl"))


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("absent.jsonl", "absent.jsonl: no such file or directory. Check its path"),
        ("data/absent.jsonl.gz", "data/absent.jsonl.gz: no such file or directory. Check its path"),
        (
            "rows.docx",
            "rows.docx: its ending is none of .jsonl, .ndjson, .json, .csv, .parquet, .txt (each also .gz). "
            "Rename it, or set its source's file_type",
        ),
    ],
)
def test_what_cannot_be_opened_is_said(path, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows.docx").write_bytes(b"x")
    with pytest.raises(UsageError) as refused:
        list(read_rows(path))
    assert str(refused.value) == message


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A folder as a hub repository lays it out: two splits, and another subset."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "org" / "fees"
    folder.mkdir(parents=True)
    (folder / "train.jsonl").write_bytes(as_jsonl(ROWS[:2]))
    (folder / "test.jsonl").write_bytes(as_jsonl(ROWS[2:]))
    (folder / "old.jsonl").write_bytes(as_jsonl(ROWS[1:]))
    configs = [
        {
            "config_name": "default",
            "data_files": [{"split": "train", "path": "train.jsonl"}, {"split": "test", "path": "test.jsonl"}],
        },
        {"config_name": "old", "data_files": [{"split": "train", "path": "old.jsonl"}]},
    ]
    (folder / "README.md").write_text(f"---\n{json.dumps({'configs': configs})}\n---\n")
    return "org/fees"


def test_a_hub_data_set_is_read_by_split_and_subset(hub):
    assert [row.value for row in read_rows(hub)] == ROWS[:2]
    assert [row.value for row in read_rows(hub, split="test")] == ROWS[2:]
    assert [row.value for row in read_rows(hub, subset="old")] == ROWS[1:]
    with pytest.raises(UsageError, match=r"org/fees: Unknown split"):
        list(read_rows(hub, split="dev"))
    with pytest.raises(UsageError, match=r"org/fees: BuilderConfig 'new' not found"):
        list(read_rows(hub, subset="new"))


def test_a_folder_without_data_files_is_no_bug(hub, tmp_path):
    (tmp_path / "none").mkdir()
    told = "none: no data files (.jsonl, .json, .csv, .parquet) are found in it. Name a folder with some, or a file"
    with pytest.raises(UsageError, match=re.escape(told)):
        list(read_rows("none"))


def test_a_hub_that_cannot_be_reached_is_a_problem_of_the_environment(monkeypatch):
    def unreachable(*arguments, **options):
        raise ConnectionError("Couldn't reach 'org/cards' on the Hub (OfflineModeIsEnabled)")

    monkeypatch.setattr(datasets, "load_dataset", unreachable)
    with pytest.raises(
        EnvironmentProblem, match="org/cards: the hub cannot be reached, and the cache does not have it"
    ):
        list(read_rows("org/cards"))
