"""Journals outlive a kill: whole lines only, whatever the place at which one was torn."""

import errno
import json
import os

import pytest

from sftctl.errors import StorageFailed
from sftctl.journal import Journal

ENTRIES = [{"key": "a", "value": 1}, {"key": "b", "text": "line\nbreak, \u2028, é, \ud83d"}, {"key": "c"}]


def test_what_was_appended_is_read_back(tmp_path):
    path = tmp_path / "new" / "j.jsonl"
    assert Journal(path).read() == []
    journal = Journal(path)
    journal.append(ENTRIES[:2])
    journal.append(ENTRIES[2:])
    assert Journal(path).read() == ENTRIES


def test_a_line_that_was_torn_anywhere_is_cut_off_and_the_next_append_is_whole(tmp_path):
    path = tmp_path / "j.jsonl"
    Journal(path).append(ENTRIES)
    content = path.read_bytes()
    for size in range(len(content) + 1):
        path.write_bytes(content[:size])
        whole = content[:size].count(b"\n")
        journal = Journal(path)
        assert journal.read() == ENTRIES[:whole]
        journal.append([{"key": "next"}])
        assert Journal(path).read() == [*ENTRIES[:whole], {"key": "next"}]


def test_a_write_that_fails_midway_leaves_no_part_for_the_next_to_follow(tmp_path, monkeypatch):
    journal = Journal(tmp_path / "j.jsonl")
    journal.append(ENTRIES[:1])

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFailed, match="the disk is full"):
        journal.append(ENTRIES[1:])
    monkeypatch.undo()
    journal.append([{"key": "later"}])
    assert [json.loads(line)["key"] for line in (tmp_path / "j.jsonl").read_bytes().splitlines()] == ["a", "later"]


@pytest.mark.parametrize("line", [b"{oops\n", b"7\n", b"\n"])
def test_a_line_that_somebody_changed_is_named(line, tmp_path):
    path = tmp_path / "j.jsonl"
    Journal(path).append(ENTRIES[:1])
    with path.open("ab") as file:
        file.write(line)
    with pytest.raises(StorageFailed, match=r"j\.jsonl:2: this line was changed"):
        Journal(path).read()
