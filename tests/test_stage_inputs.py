import os

import pytest

from sftctl.manifest import hash_path
from sftctl.recipe import load_recipe
from sftctl.run_dir import RunDir
from sftctl.stage_inputs import inputs_of

RECIPE = """\
name: desk
model: {path: builtin:tiny}
data: {system_prompt: "%s"}
curate:
  sources: [{name: desk, path: rows}]
  decontaminate: {benchmarks: [one.jsonl, two.jsonl]}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recipe.yaml").write_text(RECIPE % ("You are kind. " * 30), encoding="utf-8")
    (tmp_path / "rows").mkdir()
    for name in ("rows/first.jsonl", "one.jsonl", "two.jsonl"):
        (tmp_path / name).write_text("{}\n", encoding="utf-8")
    return tmp_path


def inputs(folder, *overrides):
    return inputs_of(load_recipe("recipe.yaml", overrides).recipe, RunDir(folder / "run"), "curate")


def test_a_folder_of_rows_is_known_by_what_it_holds(folder):
    before = inputs(folder)
    (folder / "rows" / "second.jsonl").write_text("{}\n", encoding="utf-8")
    after = inputs(folder)
    assert {key for key in after if after[key] != before[key]} == {"curate.sources.0.path (file)"}


def test_every_file_of_a_list_is_known_by_what_it_holds(folder):
    before = inputs(folder)
    (folder / "one.jsonl").write_text("{} \n", encoding="utf-8")
    after = inputs(folder)
    changed = {key for key in after if after[key] != before[key]}
    assert changed == {"curate.decontaminate.benchmarks.0 (file)"}
    assert after["curate.decontaminate.benchmarks.1 (file)"] == hash_path(folder / "two.jsonl")


def test_rows_through_a_pipe_are_never_taken_for_the_ones_before(folder):
    os.mkfifo(folder / "pipe")
    assert inputs(folder, "curate.sources.0.path=pipe")["curate.sources.0.path (file)"] == "standard input"
    assert inputs(folder, "curate.sources.0.path=-")["curate.sources.0.path (file)"] == "standard input"
