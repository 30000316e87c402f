import errno
import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from sftctl.errors import RunDirBusy, StorageFailed
from sftctl.run_dir import RunDir, locked, publish_folder, write_json, write_text, write_with

HOLD_THE_LOCK = """
import sys, time
from pathlib import Path
from sftctl.run_dir import RunDir, locked
with locked(RunDir(Path(sys.argv[1])), "train"):
    print("held", flush=True)
    time.sleep(60)
"""


def start_holder(folder):
    holder = subprocess.Popen([sys.executable, "-c", HOLD_THE_LOCK, str(folder)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "held\n"
    return holder


def test_a_run_directory_in_use_names_its_holder_and_a_dead_holders_lock_is_taken_over(tmp_path):
    holder = start_holder(tmp_path)
    try:
        with (
            pytest.raises(RunDirBusy, match=rf"`sftctl train` \(process {holder.pid} on "),
            locked(RunDir(tmp_path), "eval"),
        ):
            pass
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    assert json.loads((tmp_path / "run.lock").read_text())["pid"] == holder.pid
    with locked(RunDir(tmp_path), "eval"):
        assert json.loads((tmp_path / "run.lock").read_text())["pid"] == os.getpid()
    assert (tmp_path / "run.lock").read_text() == ""


def test_a_lock_that_cannot_be_written_names_itself(tmp_path, monkeypatch):
    def fail(descriptor, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.write", fail)
    with pytest.raises(StorageFailed, match=r"run\.lock: the disk is full"), locked(RunDir(tmp_path), "train"):
        pass


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "result.json"
    write_json(path, {"value": 1})

    def fail(file):
        file.write(b"half of ")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(StorageFailed, match="the disk is full"):
        write_with(path, fail)
    assert json.loads(path.read_text()) == {"value": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_a_pipe_or_a_device_is_written_and_never_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    write_text(tmp_path / "pipe", "<testsuites/>")
    assert os.read(reader, 100) == b"<testsuites/>"
    os.close(reader)
    assert (tmp_path / "pipe").is_fifo()


def test_a_linked_file_is_written_where_it_is(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "report.xml").symlink_to("elsewhere/report.xml")
    write_text(tmp_path / "report.xml", "<testsuites/>")
    assert (tmp_path / "report.xml").is_symlink()
    assert (tmp_path / "elsewhere" / "report.xml").read_text() == "<testsuites/>"


def test_not_a_number_never_reaches_a_json_file(tmp_path):
    with pytest.raises(ValueError, match="Out of range float"):
        write_json(tmp_path / "result.json", {"loss": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_a_published_folder_replaces_the_old_one_whole(tmp_path):
    for name, text in (("model", "old"), ("staged", "new")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "weights").write_text(text)
    (tmp_path / "model" / "left_over").write_text("old")
    publish_folder(tmp_path / "staged", tmp_path / "model")
    assert [path.name for path in tmp_path.rglob("*")] == ["model", "weights"]
    assert (tmp_path / "model" / "weights").read_text() == "new"


WRITE_FOREVER = """
import sys
from pathlib import Path
from sftctl.run_dir import write_text
print("writing", flush=True)
number = 0
while True:
    write_text(Path(sys.argv[1]), str(number % 10) * 300_000)
    number += 1
"""


def test_a_killed_writer_leaves_a_complete_file(tmp_path):
    path = tmp_path / "rows.jsonl"
    write_text(path, "x" * 300_000)
    for milliseconds in (3, 17, 41):
        writer = subprocess.Popen([sys.executable, "-c", WRITE_FOREVER, str(path)], stdout=subprocess.PIPE, text=True)
        assert writer.stdout.readline() == "writing\n"
        time.sleep(milliseconds / 1000)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        text = path.read_text()
        assert len(text) == 300_000
        assert len(set(text)) == 1


def test_what_is_in_the_way_of_a_file_is_told_with_what_to_do(tmp_path):
    (tmp_path / "report.html").mkdir()
    told = f"{tmp_path}/report.html: Is a directory. Mend that, or name another place; no finished file was changed."
    with pytest.raises(StorageFailed, match=re.escape(told)):
        write_text(tmp_path / "report.html", "")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
