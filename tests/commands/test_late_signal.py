"""A signal that comes when a stage has hardly begun, or is all but done."""

import json
import os
import signal

import pytest

from sftctl import pipeline, stage_records
from sftctl.errors import ExitCode, Interrupted
from sftctl.options import Options
from sftctl.recipe import load_recipe
from sftctl.session import open_session
from sftctl.train import publishing
from tests.jsonl import to_jsonl
from tests.train.rows import conversations

RECIPE = "name: late\nmodel: {path: builtin:tiny}\ntrain: {rows: rows.jsonl, batch_size: 4, epochs: 1}\n"


def test_a_signal_during_the_final_save_ends_with_75_and_training_is_done(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows.jsonl").write_text(to_jsonl(conversations(8)))
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    save = publishing.save

    def save_and_be_told_to_stop(*arguments):
        os.kill(os.getpid(), signal.SIGTERM)
        save(*arguments)

    monkeypatch.setattr(publishing, "save", save_and_be_told_to_stop)
    session = open_session(load_recipe("recipe.yaml"), Options())
    with pytest.raises(
        Interrupted, match=r"stopped by SIGTERM, after the model was saved in runs/late/model\."
    ) as late:
        pipeline.run_stages(session, ("train", "eval"))
    assert late.value.exit_code == ExitCode.INTERRUPTED
    stages = json.loads((tmp_path / "runs/late/manifest.json").read_text())["stages"]
    assert (list(stages), stages["train"]["passed"]) == (["train"], True)
    again = pipeline.run_stages(session, ("train",))
    assert (again.exit_code, again.printed) == (ExitCode.OK, "runs/late/model")


def test_an_interrupt_as_a_stage_begins_is_recorded_as_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows.jsonl").write_text(to_jsonl(conversations(8)))
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    (tmp_path / "runs/late").mkdir(parents=True)
    (tmp_path / "runs/late/report.html").write_text("<p>Yesterday's</p>")
    write_report = stage_records.write_report

    def interrupted_once(session):
        monkeypatch.setattr(stage_records, "write_report", write_report)
        raise KeyboardInterrupt

    monkeypatch.setattr(stage_records, "write_report", interrupted_once)
    with pytest.raises(KeyboardInterrupt):
        pipeline.run_stages(open_session(load_recipe("recipe.yaml"), Options()), ("train",))
    (attempt,) = json.loads((tmp_path / "runs/late/manifest.json").read_text())["unfinished"].values()
    assert attempt["exit_code"] == ExitCode.KILLED_BY_SIGINT
