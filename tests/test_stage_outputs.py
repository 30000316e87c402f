from sftctl.run_dir import RunDir
from sftctl.stage_outputs import forget_measurements


def test_overwrite_forgets_what_was_measured_and_keeps_what_was_paid_for(tmp_path):
    run_dir = RunDir(tmp_path)
    run_dir.eval_progress.mkdir(parents=True)
    for path in (run_dir.eval_progress / "losses.jsonl", run_dir.judgements, run_dir.votes):
        path.touch()
    forget_measurements(run_dir, "eval")
    assert sorted(path.name for path in run_dir.eval_folder.iterdir()) == ["judge.jsonl", "votes.jsonl"]
