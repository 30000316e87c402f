import pytest

from sftctl.errors import Interrupted, TrainingDiverged
from sftctl.manifest import (
    Ended,
    forget_attempt,
    hash_path,
    new_record,
    read_manifest,
    record_begin,
    record_failure,
    record_stage,
    state_of,
)
from sftctl.run_dir import RunDir, write_text


def record(run_dir, inputs, *outputs, passed=True):
    record_stage(run_dir, "curate", new_record(run_dir, Ended(1, passed, 0.5), inputs=inputs, outputs=outputs))


def test_a_stage_is_not_begun_then_done_then_stale(tmp_path):
    run_dir = RunDir(tmp_path)
    inputs = {"seed": "1", "curate.hold_out.rows": "200"}
    assert state_of(run_dir, "curate", inputs).state == "not begun"

    write_text(run_dir.training_rows, "rows")
    record(run_dir, inputs, run_dir.training_rows)
    assert state_of(run_dir, "curate", inputs).state == "done"

    changed = state_of(run_dir, "curate", {**inputs, "curate.hold_out.rows": "100"})
    assert (changed.state, changed.reason) == ("stale", "curate.hold_out.rows changed since")

    write_text(run_dir.training_rows, "other rows")
    touched = state_of(run_dir, "curate", inputs)
    assert (touched.state, touched.reason) == ("stale", f"{run_dir.training_rows} was changed since")

    run_dir.training_rows.unlink()
    assert state_of(run_dir, "curate", inputs).reason == f"{run_dir.training_rows} is missing"


def test_a_failed_gate_is_recorded_as_done_but_not_passed(tmp_path):
    run_dir = RunDir(tmp_path)
    record(run_dir, {}, passed=False)
    state = state_of(run_dir, "curate", {})
    assert (state.state, state.passed) == ("done", False)


def test_a_failure_leaves_the_record_of_an_earlier_result_and_is_forgotten_with_the_next_one(tmp_path):
    run_dir = RunDir(tmp_path)
    diverged = TrainingDiverged("step 3: the loss is not finite.")
    record_failure(run_dir, "curate", diverged, Ended(1, False, 2.5))
    state = state_of(run_dir, "curate", {})
    assert (state.state, state.reason) == ("not begun", "failed with exit code 7")
    record(run_dir, {})
    assert read_manifest(run_dir).failures == {}
    record_failure(run_dir, "curate", diverged, Ended(1, False, 2.5, 0.25))
    assert state_of(run_dir, "curate", {}).state == "done"
    failure = read_manifest(run_dir).failures["curate"]
    assert (failure.kind, failure.message, failure.cost_usd) == ("TrainingDiverged", str(diverged), 0.25)


def test_outputs_are_recorded_by_hash_relative_to_the_run(tmp_path):
    run_dir = RunDir(tmp_path)
    write_text(run_dir.training_rows, "abc")
    record(run_dir, {}, run_dir.training_rows, run_dir.held_out_rows)
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # SHA-256 of "abc", FIPS 180-2
    assert read_manifest(run_dir).stages["curate"].outputs == {"data/train.jsonl": digest}


def test_a_folders_hash_changes_with_a_name_and_with_a_byte(tmp_path):
    (tmp_path / "model").mkdir()
    weights = tmp_path / "model" / "weights"
    weights.write_text("1")
    first = hash_path(tmp_path / "model")
    weights.write_text("2")
    second = hash_path(tmp_path / "model")
    weights.rename(tmp_path / "model" / "renamed")
    assert len({first, second, hash_path(tmp_path / "model")}) == 3


def test_a_failure_is_forgotten_where_the_earlier_result_holds_again(tmp_path):
    run_dir = RunDir(tmp_path)
    record(run_dir, {})
    record_failure(run_dir, "curate", TrainingDiverged("loss is nan"), Ended(1, False, 2.5))
    assert forget_attempt(run_dir, "curate")
    assert (read_manifest(run_dir).failures, "curate" in read_manifest(run_dir).stages) == ({}, True)
    assert not forget_attempt(run_dir, "curate")


def test_a_stage_that_began_is_unfinished_until_it_ends_even_where_it_was_killed(tmp_path):
    run_dir = RunDir(tmp_path)
    record_failure(run_dir, "curate", TrainingDiverged("loss is nan"), Ended(1, False, 2.5))
    record_begin(run_dir, "curate")
    manifest = read_manifest(run_dir)
    assert (manifest.failures, manifest.unfinished["curate"].exit_code) == ({}, None)
    assert state_of(run_dir, "curate", {}).reason == "did not end"
    record(run_dir, {})
    assert read_manifest(run_dir).unfinished == {}


@pytest.mark.parametrize(("error", "exit_code"), [(Interrupted("stopped by SIGTERM"), 75), (KeyboardInterrupt(), 130)])
def test_an_interruption_is_no_failure_and_says_how_the_stage_ended(tmp_path, error, exit_code):
    run_dir = RunDir(tmp_path)
    record_begin(run_dir, "train")
    began = read_manifest(run_dir).unfinished["train"].began
    record_failure(run_dir, "train", error, Ended(1, False, 2.5, 0.25))
    manifest = read_manifest(run_dir)
    ended = manifest.unfinished["train"]
    assert (manifest.failures, ended.began, ended.exit_code, ended.cost_usd) == ({}, began, exit_code, 0.25)
    assert state_of(run_dir, "train", {}).reason == f"was interrupted with exit code {exit_code}"


def test_an_unexpected_error_is_a_failure(tmp_path):
    run_dir = RunDir(tmp_path)
    record_begin(run_dir, "train")
    record_failure(run_dir, "train", ZeroDivisionError("by zero"), Ended(1, False, 2.5))
    manifest = read_manifest(run_dir)
    failure = manifest.failures["train"]
    assert (manifest.unfinished, failure.exit_code, failure.kind) == ({}, 3, "ZeroDivisionError")
    assert failure.message == "a bug in sftctl, please report it: ZeroDivisionError: by zero."
