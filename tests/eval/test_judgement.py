"""The judge within the stage: its figures, its gate, and a judge that is not there."""

import json

import pytest

from sftctl.errors import EnvironmentProblem
from sftctl.eval import chat_server
from tests.eval.conftest import run_eval
from tests.eval.judge.server import perfect, serving


def _options(folder, url, **judge):
    for name, text in (("base", "poor"), ("tuned", "good")):
        lines = [json.dumps({"prompt": f"Question {n}?", "answer": text}) for n in range(12)]
        (folder / f"{name}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    rows = [json.dumps({"prompt": f"Question {n}?", "completion": "a reference"}) for n in range(12)]
    (folder / "rows.jsonl").write_text("\n".join(rows), encoding="utf-8")
    engine = {"kind": "answers", "base": str(folder / "base.jsonl"), "tuned": str(folder / "tuned.jsonl")}
    return {"held_out": str(folder / "rows.jsonl"), "engine": engine, "judge": {"base_url": url, "model": "j", **judge}}


def test_a_judge_that_prefers_the_tuned_answers_passes_the_gate(tmp_path):
    with serving(perfect) as judge:
        result = run_eval(_options(tmp_path, judge.url, min_win_rate=0.5), tmp_path / "run")
    gate = next(gate for gate in result.gates if gate.section == "judge")
    assert gate.verdict in ("pass", "weak pass")
    assert result.judge.win_rate.rate.value == 1.0
    assert result.judge.win_rate.won == 12


def test_a_judge_that_is_not_there_ends_with_its_error_after_the_rest_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(chat_server, "FIRST_DELAY_SECONDS", 0.001)
    with pytest.raises(EnvironmentProblem):
        run_eval(_options(tmp_path, "http://127.0.0.1:9/v1", max_attempts=1), tmp_path / "run")
    written = json.loads((tmp_path / "run" / "eval" / "eval.json").read_text(encoding="utf-8"))
    assert written["verdict"] == "inconclusive"
    assert "judge" in [item["name"] for item in written["not_measured"]]
    assert len(written["side_by_side"]) == 8


def test_the_models_answer_what_the_judge_asks(held_out, tmp_path):
    with serving(perfect) as judge:
        section = {"base_url": judge.url, "model": "j", "max_prompts": 3}
        options = {"tuned": "builtin:tiny", "held_out": str(held_out), "prompts": 3, "judge": section}
        result = run_eval(options, tmp_path / "run")
    assert result.judge.win_rate.rate.value == 0.5
    assert result.judge.win_rate.even == 3
