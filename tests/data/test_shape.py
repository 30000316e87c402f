"""What the recipe says of a source is held against its first rows, and told once where it does not fit them."""

import json
import sys

import pytest

from sftctl.data.ingest import ingest
from sftctl.data.source import Source
from sftctl.errors import MisreadSource
from tests.data.rows import FILES, ROWS


def misread(path, **options):
    with pytest.raises(MisreadSource) as refused:
        ingest([Source(name="desk", path=str(path), **options)])
    return refused.value.problems


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize("ending", sorted(FILES))
def test_a_column_that_no_row_has_is_told_once_with_the_nearest(ending, tmp_path):
    path = tmp_path / f"rows{ending}"
    path.write_bytes(FILES[ending])
    assert misread(path, fields={"prompt": "questoin", "response": "answer"}) == {
        ("fields", "prompt"): f"{path} has no column 'questoin'; did you mean 'question'? It has question, answer"
    }


def test_every_wrong_column_is_told_and_one_that_is_like_none_without_a_guess(tmp_path):
    path = write(tmp_path / "rows.jsonl", ROWS)
    assert misread(path, fields={"prompt": "frage", "response": "Answer"}) == {
        ("fields", "prompt"): f"{path} has no column 'frage'. It has question, answer",
        ("fields", "response"): f"{path} has no column 'Answer'; did you mean 'answer'? It has question, answer",
    }


def test_standard_input_is_named_as_such(tmp_path, monkeypatch):
    (tmp_path / "rows.jsonl").write_bytes(FILES[".jsonl"])
    with (tmp_path / "rows.jsonl").open() as piped:
        monkeypatch.setattr(sys, "stdin", piped)
        told = misread("-", fields={"prompt": "questoin", "response": "answer"})
    assert told["fields", "prompt"].startswith("standard input has no column 'questoin'; did you mean 'question'?")


def test_a_folder_of_files_as_a_hub_data_set_is_read(tmp_path):
    write(tmp_path / "train.jsonl", ROWS)
    assert list(misread(tmp_path, fields={"prompt": "question", "response": "anser"})) == [("fields", "response")]


def test_a_column_that_only_some_rows_have_is_a_verdict_on_the_others(tmp_path):
    path = write(tmp_path / "rows.jsonl", [*ROWS, {"question": "And now?"}])
    source = Source(name="desk", path=str(path), fields={"prompt": "question", "response": "answer"})
    read = ingest([source], max_bad_fraction=0.5)
    assert [(row.reason, row.field) for row in read.rejected] == [("missing_field", "answer")]


def test_a_column_that_rows_may_lack_is_looked_for_to_the_end(tmp_path):
    late = [*ROWS * 40, ROWS[0] | {"persona": "Be brief."}]
    source = {"fields": {"prompt": "question", "response": "answer", "system": "persona"}}
    path = write(tmp_path / "rows.jsonl", late)
    read = ingest([Source(name="desk", path=str(path), **source)])
    assert read.conversations[-1].messages[0] == {"role": "system", "content": "Be brief."}
    told = misread(write(path, late[:-1]), **source)
    assert told == {("fields", "system"): f"{path} has no column 'persona'. It has question, answer"}


def test_a_format_that_fits_no_row_is_told_once_with_the_one_found(tmp_path):
    path = write(tmp_path / "rows.jsonl", ROWS)
    assert misread(path, format="alpaca") == {
        ("format",): f"{path} is not in the format alpaca (instruction, output): none of its first 3 rows is. "
        "Its columns are question, answer, read as pair (question, answer) by `format: auto`"
    }
    shared = [{"messages": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]}]
    told = misread(write(path, shared), format="messages")[("format",)]
    assert told.endswith("read as sharegpt (messages) by `format: auto`")
    told = misread(write(path, [{"subject": "Hi", "body": "Hello"}]), format="text")[("format",)]
    assert told.endswith("Its columns are subject, body")
