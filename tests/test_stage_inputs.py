import os

import pytest

from sftctl.manifest import Ended, hash_path, new_record, record_stage
from sftctl.recipe import load_recipe
from sftctl.run_dir import RunDir, write_text
from sftctl.stage_inputs import inputs_of, out_of_date
from sftctl.stage_outputs import outputs_of

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


STAGES = ("curate", "smoke-test", "train", "eval")


@pytest.fixture
def run(folder):
    """A run of four stages, one second each; `rerun(stage, *overrides, **files)` runs one of them again."""
    run_dir, seconds = RunDir(folder / "run"), iter(range(60))

    def rerun(stage, *overrides, **files):
        recipe = load_recipe("recipe.yaml", overrides).recipe
        decided = inputs_of(recipe, run_dir, stage)
        for output in outputs_of(run_dir, stage):
            write_text(output, files.get(output.name, f"{stage}: {output.name}"))
        record = new_record(run_dir, Ended(1, True, 1.0), inputs=decided, outputs=outputs_of(run_dir, stage))
        finished = f"2026-11-23T05:00:{next(seconds):02}+00:00"
        record_stage(run_dir, stage, record.model_copy(update={"finished": finished}))
        return out_of_date(recipe, run_dir)

    assert [rerun(stage) for stage in STAGES] == [{}] * 4
    return rerun


def test_results_of_another_recipe_are_out_of_date(run):
    assert run("train", "train.epochs=9") == {"smoke-test": "train.epochs changed"}


def test_a_result_made_from_one_that_is_out_of_date_is_so_too(run, folder):
    loaded = load_recipe("recipe.yaml", ["train.epochs=9"])
    assert out_of_date(loaded.recipe, RunDir(folder / "run")) == {
        "smoke-test": "train.epochs changed",
        "train": "train.epochs changed",
        "eval": "made from train's result",
    }


def test_results_of_other_rows_are_out_of_date(run):
    named = {"train.jsonl": "other rows"}
    changed = dict.fromkeys(("smoke-test", "train"), "data/train.jsonl changed")
    found = run("curate", "curate.hold_out.rows=3", **named)
    assert found == {**changed, "eval": "made from train's result"}


def test_a_result_of_another_model_is_out_of_date_and_only_three_changes_are_named(run):
    assert run("train", model="other weights") == {"eval": "model changed"}
    found = run("train", "train.epochs=9", "train.batch_size=4", "train.warmup=0.1", "seed=3", model="again")
    assert found["smoke-test"] == "seed, train.batch_size, train.epochs and 1 more changed"


def test_what_a_later_attempt_has_written_is_not_the_result_that_is_out_of_date(run, folder):
    write_text(RunDir(folder / "run").eval_result, "measured, before the judge was lost")
    assert "eval" not in run("train", "seed=3")
