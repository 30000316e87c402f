"""The first rows of every source are looked at before any is read whole, and a pipe loses none of its rows by it."""

import gzip
import json
import os
import re
import socket
import sys
from contextlib import contextmanager

import pytest

from sftctl.data.first_look import MOST_LINES, look_at, look_at_file, look_at_own_rows
from sftctl.data.ingest import ingest, ingest_file
from sftctl.data.source import Source
from sftctl.errors import DataUnusable

ROWS = [{"question": f"Which fee has plan {n}?", "answer": f"{n} euros."} for n in range(150)]
MAIL = [{"subject": "Hi", "body": "Hello"}] * 3


def lines(rows):
    return "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows).encode()


def file_of(path, rows):
    path.write_bytes(lines(rows))
    return Source(name=path.stem, path=str(path))


@contextmanager
def pipe_of(rows, name="piped"):
    """All rows are in the pipe, and its writer is gone, before anybody reads."""
    reading, writing = os.pipe()
    assert len(lines(rows)) < 65_536
    os.write(writing, lines(rows))
    os.close(writing)
    yield Source(name=name, path=f"/dev/fd/{reading}", file_type="jsonl")
    os.close(reading)


def look(*sources, max_bad_fraction=0.01):
    return look_at(sources, on_control_tokens="reject", max_bad_fraction=max_bad_fraction)


def problems(found):
    return {misread.source: dict(misread.problems) for misread in found.misread}


def test_what_is_wrong_with_any_source_is_found_in_one_look(tmp_path):
    with pipe_of(MAIL) as piped:
        found = look(
            piped,
            file_of(tmp_path / "good.jsonl", ROWS),
            file_of(tmp_path / "mail.jsonl", MAIL),
            file_of(tmp_path / "named.jsonl", ROWS).model_copy(update={"fields": {"prompt": "q", "response": "answr"}}),
            file_of(tmp_path / "empty.jsonl", []),
            file_of(tmp_path / "odd.dat", ROWS),
        )
    assert {name: list(keys) for name, keys in problems(found).items()} == {
        "mail": [("path",)],
        "named": [("fields", "prompt"), ("fields", "response")],
        "odd": [("path",)],
        "piped": [("path",)],
    }
    assert [str(each).partition(":")[0] for each in found.unusable] == [f"source empty ({tmp_path}/empty.jsonl)"]
    assert [each.source for each in found.looks] == ["good"]


def test_a_hundred_rows_are_judged_with_a_verdict_on_the_first_bad_one(tmp_path):
    rows = ["", *ROWS[:60], "{", {"question": "a", "answer": None}, *ROWS[60:]]
    (seen,) = look(file_of(tmp_path / "a.jsonl", rows)).looks
    assert (str(seen.found), seen.rows, seen.usable) == ("pair (columns question, answer)", 101, 99)
    assert seen.first_bad.startswith(f"{tmp_path}/a.jsonl:62: no valid JSON")


def test_a_file_that_is_seen_whole_is_refused_as_reading_it_would(tmp_path):
    source = file_of(tmp_path / "a.jsonl", [*ROWS[:20], {"question": "a", "answer": 3}])
    assert "1 of 21 rows cannot be used; curate.max_bad_fraction allows 1 %" in str(look(source).unusable[0])
    assert look(source, max_bad_fraction=0.1).unusable == []


def test_a_longer_file_is_never_refused_for_its_first_rows(tmp_path):
    found = look(file_of(tmp_path / "a.jsonl", [{"question": "a", "answer": 3}] * 100 + ROWS))
    assert (found.unusable, found.misread, found.looks[0].usable) == ([], [], 0)


def test_a_column_that_rows_may_lack_is_a_doubt_until_the_whole_file_is_seen(tmp_path):
    fields = {"prompt": "question", "response": "answer", "system": "persoona"}
    sources = [
        file_of(tmp_path / f"{name}.jsonl", [row | {"persona": "Be brief."} for row in rows]).model_copy(
            update={"fields": fields}
        )
        for name, rows in (("long", ROWS), ("short", ROWS[:9]))
    ]
    found = look(*sources)
    told = "jsonl has no column 'persoona'; did you mean 'persona'? It has question, answer, persona"
    assert [each.doubts for each in found.looks] == [(f"{tmp_path}/long.{told}",)]
    assert problems(found) == {"short": {("fields", "system"): f"{tmp_path}/short.{told}"}}


def test_lines_without_rows_are_left_for_the_reading(tmp_path):
    (seen,) = look(file_of(tmp_path / "a.jsonl", [""] * MOST_LINES + MAIL)).looks
    assert (seen.found, seen.not_yet) == (None, "its first 1,000 lines hold 0 rows")


def test_a_pipe_that_was_looked_at_loses_no_row(tmp_path):
    with pipe_of(ROWS, "first") as first, pipe_of(ROWS[:50], "second") as second:
        sources = [first, file_of(tmp_path / "file.jsonl", ROWS), second]
        found = look(*sources)
        read = ingest(sources, begun=found.begun)
    assert [each.source for each in found.looks] == ["first", "file", "second"]
    expected = [row["answer"] for row in (*ROWS, *ROWS, *ROWS[:50])]
    assert [row.response for row in read.conversations] == expected


def test_standard_input_in_gzip_loses_no_row(tmp_path, monkeypatch):
    (tmp_path / "rows.gz").write_bytes(gzip.compress(lines(ROWS)))
    with (tmp_path / "rows.gz").open() as piped:
        monkeypatch.setattr(sys, "stdin", piped)
        source = Source(name="piped", path="-")
        found = look(source)
        assert [row.response for row in ingest([source], begun=found.begun).conversations] == [
            row["answer"] for row in ROWS
        ]


def test_a_pipe_is_the_rows_of_one_source(tmp_path):
    with pipe_of(ROWS, "first") as first:
        found = look(first, first.model_copy(update={"name": "second"}))
    assert problems(found) == {
        "second": {("path",): f"{first.path}: source first reads it already, and it can be read once. Give it a file"}
    }


def test_standard_input_is_named_in_words(tmp_path, monkeypatch):
    with pipe_of(ROWS[:3]) as piped, open(piped.path) as standard_input:
        monkeypatch.setattr(sys, "stdin", standard_input)
        found = look(piped, Source(name="again", path="-"))
    told = "standard input: source piped reads it already, and it can be read once. Give it a file"
    assert problems(found) == {"again": {("path",): told}}


@pytest.mark.parametrize("as_path", ["/dev/fd/{}", "-"])
def test_what_cannot_be_opened_for_reading_is_told_of_its_source(as_path, tmp_path, monkeypatch):
    with socket.socket() as no_pipe, (tmp_path / "written").open("w") as written:
        monkeypatch.setattr(sys, "stdin", written)
        found = look(Source(name="piped", path=as_path.format(number := no_pipe.fileno()), file_type="jsonl"))
    told = {
        "/dev/fd/{}": f"/dev/fd/{number}: no such device or address. Check its path",
        "-": "standard input: open for writing alone. Pipe the rows in, or name a file",
    }
    assert problems(found) == {"piped": {("path",): told[as_path]}}


def test_what_would_be_waited_for_is_looked_at_when_it_is_read(tmp_path):
    reading, writing = os.pipe()
    os.mkfifo(tmp_path / "named")
    (tmp_path / "folder").mkdir()
    found = look(
        Source(name="silent", path=f"/dev/fd/{reading}", file_type="jsonl"),
        Source(name="named", path=str(tmp_path / "named"), file_type="jsonl"),
        Source(name="folder", path=str(tmp_path / "folder")),
        Source(name="hub", path="org/rows"),
    )
    os.close(reading)
    os.close(writing)
    assert {each.source: each.not_yet for each in found.looks} == {
        "silent": "nothing has come through it yet",
        "named": "a named pipe",
        "folder": "a folder, or a data set of a hub",
        "hub": "a folder, or a data set of a hub",
    }
    assert (found.begun, found.misread, found.unusable) == ({}, [], [])


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"id": "7", "question_text": "a", "replyText": "b"}, "fields: {prompt: question_text, response: replyText}"),
        ({"promt": "a", "completion": "b"}, "fields: {prompt: promt, response: completion}"),
        ({"q": "a", "a": "b"}, "fields: {prompt: q, response: a}"),
        ({"Customer: question": "a", "Reply": "b"}, 'fields: {prompt: "Customer: question", response: Reply}'),
        ({"subject": "a", "body": "b"}, "fields: {prompt: COLUMN, response: COLUMN}"),
        ({"body": "b", "n": 3}, "format: text, fields: {text: body}, to train on it as documents"),
        (
            {"dialog": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]},
            "format: messages, fields: {messages: dialog}",
        ),
        (
            {"chat": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]},
            "format: sharegpt, fields: {conversations: chat}",
        ),
    ],
)
def test_the_closest_words_are_told_and_are_right(row, words, tmp_path):
    found = look(file_of(tmp_path / "a.jsonl", [row]))
    assert problems(found)["a"]["path",].partition("Write beside its path: ")[2] == words


def test_rows_of_a_format_beside_others_are_for_the_file_to_mend(tmp_path):
    found = look(file_of(tmp_path / "a.jsonl", [*MAIL, ROWS[0]]))
    assert str(found.unusable[0]) == (
        f"source a ({tmp_path}/a.jsonl): no format fits most of its rows: 1 of the first 4 are pair "
        "(question, answer). "
        "Correct the others, or, to have them rejected, set the source's format to pair"
    )


def test_columns_without_text_are_no_matter_of_the_recipe(tmp_path):
    found = look(file_of(tmp_path / "a.jsonl", [{"n": 1}, {"n": 2}]))
    told = "no known format fits its columns (n), and none of them holds text or turns. Check its path"
    assert str(found.unusable[0]).endswith(told)


def test_a_file_beside_which_nothing_can_be_written_is_refused_with_what_can_be_done(tmp_path):
    told = f"{tmp_path}/a.jsonl: no known format fits its columns (subject, body). Rename its columns, or let `sftctl"
    path = file_of(tmp_path / "a.jsonl", MAIL).path
    for read in (look_at_file, lambda named: ingest_file(named, "rows")):
        with pytest.raises(DataUnusable, match=re.escape(told)):
            read(path)


def test_a_nest_that_is_too_deep_is_no_row_of_a_run(tmp_path):
    (tmp_path / "held_out.jsonl").write_text("[" * 100_000)
    with pytest.raises(DataUnusable, match=r"held_out\.jsonl:1: no row as sftctl writes it"):
        look_at_own_rows(str(tmp_path / "held_out.jsonl"))
