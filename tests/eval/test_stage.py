"""The whole stage: real models, real files, and verdicts in the odd cases."""

import json
import signal
from functools import partial

import pytest

from sftctl.errors import GateFailed, Interrupted, MissingInput
from sftctl.eval import answers, benchmark_scores
from sftctl.eval import held_out as held_out_module
from sftctl.eval.config import EvalConfig
from sftctl.eval.next_step import Course
from sftctl.eval.result import EvalResult
from sftctl.eval.stage import course_of_training
from sftctl.run_dir import RunDir, write_json
from sftctl.train.result import Overfitting
from tests.eval.conftest import run_eval
from tests.report.made_run import trained
from tests.train.forked import finish, signalled_at, start


def _options(held_out, tuned="builtin:tiny", **more):
    return {"tuned": str(tuned), "held_out": str(held_out), **more}


def test_tuned_equal_to_base_differs_by_exactly_zero_and_passes(held_out, choices, tmp_path):
    tasks = {"tasks": [{"id": "general", "path": str(choices)}]}
    result = run_eval(_options(held_out, benchmarks=tasks), tmp_path)
    assert result.verdict == "pass"
    assert {gate.verdict for gate in result.gates} == {"pass"}
    differences = [figure.difference for figure in (*result.losses, *result.benchmarks)]
    assert len(differences) == 6  # all, domain, general, desk, general source, benchmark
    for difference in differences:
        assert (difference.value, difference.interval.low, difference.interval.high) == (0, 0, 0)
    assert result.drift[0].tuned == 0
    assert all(row.base == row.tuned and not row.tuned_marks for row in result.side_by_side)
    assert "NaN" not in (tmp_path / "eval" / "eval.json").read_text(encoding="utf-8")


def test_a_model_trained_without_replay_is_better_on_its_domain_and_fails_on_the_rest(held_out, tuned_folder, tmp_path):
    behaviours = [{"id": "no-apology", "preset": "apology"}, {"id": "close", "check": "chrf"}]
    with pytest.raises(GateFailed, match="general loss: fail"):
        run_eval(_options(held_out, tuned_folder, behaviours=behaviours), tmp_path)
    result = EvalResult.model_validate_json((tmp_path / "eval" / "eval.json").read_bytes())
    domain = next(gate for gate in result.gates if gate.section == "held-out")
    assert domain.verdict == "pass"
    assert result.next_step.action == "reduce_forgetting"
    overall = result.losses[0]
    assert overall.tuned < overall.base
    assert overall.difference.interval.high < 0
    assert len(result.side_by_side) == 8
    assert {row.role for row in result.side_by_side} == {"domain", "general"}
    changed = [row for row in result.side_by_side if row.base != row.tuned]
    assert changed
    assert all(row.tuned_marks or row.base_marks for row in changed)
    spread = result.spreads[0]
    assert spread.largest_item_difference < 1e-5


def test_a_failed_gate_is_raised_after_the_result_is_written_and_said_once(held_out, tmp_path, capsys):
    behaviours = [{"id": "says-fee", "check": "must_match", "pattern": "no such text"}]
    with pytest.raises(GateFailed, match="says-fee: at least 100 %: fail, 0 % of 8 answers"):
        run_eval(_options(held_out, behaviours=behaviours), tmp_path)
    written = json.loads((tmp_path / "eval" / "eval.json").read_text(encoding="utf-8"))
    assert written["verdict"] == "fail"
    said = capsys.readouterr().err
    assert "0 % of 8 answers" not in said  # the error says it, and ends the command
    assert [line.split()[0] for line in said.splitlines()[-6:]] == [
        "pass",
        "pass",
        "better",
        "worse",
        "forgotten",
        "to",
    ]


def test_one_held_out_row_is_inconclusive_and_not_a_pass(held_out, tuned_folder, tmp_path):
    held_out.write_text(held_out.read_text(encoding="utf-8").splitlines()[0] + "\n", encoding="utf-8")
    result = run_eval(_options(held_out, tuned_folder), tmp_path)
    assert result.verdict == "inconclusive"
    assert result.losses[0].difference.interval.low is None
    assert result.next_step.action == "measure_more"


def test_an_empty_held_out_file_is_named_and_inconclusive(held_out, tmp_path):
    held_out.write_text("", encoding="utf-8")
    result = run_eval(_options(held_out), tmp_path)
    assert result.verdict == "inconclusive"
    assert [item.name for item in result.not_measured] == ["held-out loss", "answers"]
    assert result.next_step.action == "fix_measurement"


def test_an_empty_benchmark_is_never_a_pass(held_out, tmp_path, capsys):
    (tmp_path / "none.jsonl").write_text("", encoding="utf-8")
    tasks = {"tasks": [{"id": "mmlu", "path": str(tmp_path / "none.jsonl")}]}
    with pytest.raises(GateFailed, match="mmlu: inconclusive, not measured"):
        run_eval(_options(held_out, benchmarks=tasks, fail_on=["inconclusive"]), tmp_path)
    assert "inconclusive" not in capsys.readouterr().err  # the error says it
    run_eval(_options(held_out, benchmarks=tasks), tmp_path)
    said = capsys.readouterr().err
    assert "  inconclusive  mmlu: not measured" in said
    assert "warning: eval: inconclusive: mmlu" in said


def test_prompts_that_leave_no_room_for_an_answer_are_named(held_out, tmp_path):
    behaviours = [{"id": "no-apology", "preset": "apology", "max_rate": 0.02}]
    result = run_eval(_options(held_out, behaviours=behaviours, max_new_tokens=1020), tmp_path)
    assert result.verdict == "inconclusive"
    assert [item.name for item in result.not_measured] == ["answers", "no-apology"]


def test_without_held_out_rows_the_message_says_what_to_run(held_out, tmp_path):
    with pytest.raises(MissingInput, match="sftctl curate"):
        run_eval({"tuned": "builtin:tiny"}, tmp_path)
    with pytest.raises(MissingInput, match="sftctl train"):
        run_eval({"held_out": str(held_out)}, tmp_path)


def test_a_second_run_measures_nothing_again(held_out, choices, tmp_path, monkeypatch):
    tasks = {"tasks": [{"id": "general", "path": str(choices)}]}
    first = run_eval(_options(held_out, benchmarks=tasks), tmp_path)

    def refuse(*args, **options):
        raise AssertionError("an item was measured twice")

    monkeypatch.setattr(held_out_module, "score_rows", refuse)
    monkeypatch.setattr(benchmark_scores, "choice_log_likelihoods", refuse)
    monkeypatch.setattr("sftctl.eval.engines.hf.generate", refuse)
    again = run_eval(_options(held_out, benchmarks=tasks), tmp_path)
    assert again.model_copy(update={"seconds": first.seconds, "benchmarks": first.benchmarks}) == first


@pytest.mark.slow
def test_a_killed_eval_goes_on_where_it_was(held_out, tmp_path):
    options = _options(held_out, engine={"kind": "hf", "batch_size": 1}, max_new_tokens=60, prompts=20)
    work = partial(run_eval, options, tmp_path / "run")
    progress = tmp_path / "run" / "eval" / "progress"
    ended = signalled_at(work, "open", progress / "replies.*", signal.SIGTERM, nth=2)
    assert ended == Interrupted.exit_code
    (journal,) = progress.glob("replies.*")
    kept = journal.read_text(encoding="utf-8")
    assert len(kept.splitlines()) == 4  # four at once are asked and kept
    # A line that a kill has torn is measured again; whole ones are not.
    journal.write_text(kept + '{"key": "torn', encoding="utf-8")
    assert finish(start(work)) == 0
    whole = journal.read_text(encoding="utf-8")
    assert whole.startswith(kept)
    keys = [json.loads(line)["key"] for line in whole.splitlines()]
    assert len(keys) == len(set(keys)) == 20


def test_the_course_of_the_training_says_nothing_of_another_model(tmp_path):
    overfitting = Overfitting(gap=0, gap_slope_per_epoch=0, turned_at_step=None, fall_in_second_half=0.3, sentence="")
    run_dir = RunDir(tmp_path)
    write_json(run_dir.train_result, trained().model_copy(update={"overfitting": overfitting}).model_dump())
    assert course_of_training(EvalConfig(), run_dir) == Course(still_falling=True)
    assert course_of_training(EvalConfig(tuned="another/model"), run_dir) == Course()
    plan = trained().plan.model_copy(update={"steps": 6})
    write_json(run_dir.train_result, trained().model_copy(update={"plan": plan}).model_dump())
    remedy = "6 optimizer steps are few; lower train.batch_size, raise train.epochs, or add rows"
    assert course_of_training(EvalConfig(), run_dir).short == remedy


def test_marks_are_the_words_that_differ():
    base, tuned = answers.marks("The fee is 5.", "The fee is 7, sir.")
    assert [(mark.start, mark.end) for mark in base] == [(11, 13)]
    assert [(mark.start, mark.end) for mark in tuned] == [(11, 18)]
