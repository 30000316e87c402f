"""Answers from a real local server, and from files."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from sftctl.errors import EnvironmentProblem, GateFailed
from sftctl.eval.presets import shows
from tests.eval.conftest import run_eval


class _Chat(BaseHTTPRequestHandler):
    """Echoes model and question; refuses questions with the word `forbidden`; the first request meets a 500."""

    seen: ClassVar[list] = []

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        type(self).seen.append((self.path, self.headers.get("Authorization"), body))
        status = 500 if len(self.seen) == 1 else 400 if "forbidden" in body["messages"][-1]["content"] else 200
        reply = {"choices": [{"message": {"content": f"{body['model']} says 5"}, "finish_reason": "stop"}]}
        content = json.dumps(reply).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args) -> None:
        pass


@pytest.fixture
def server():
    _Chat.seen = []
    running = ThreadingHTTPServer(("127.0.0.1", 0), _Chat)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{running.server_port}/v1"
    running.shutdown()
    running.server_close()


def _rows(path, prompts):
    lines = [json.dumps({"instruction": prompt, "input": "", "output": "It is 5."}) for prompt in prompts]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


def test_an_endpoint_answers_for_both_sides(server, tmp_path, monkeypatch):
    monkeypatch.setenv("JUST_A_KEY", "s3cret")
    engine = {"kind": "endpoint", "url": server, "base_model": "old", "tuned_model": "new", "api_key_env": "JUST_A_KEY"}
    rows = _rows(tmp_path / "rows.jsonl", [f"What is fee {number}?" for number in range(8)])
    behaviours = [{"id": "new", "check": "starts_with", "any_of": ["new says"], "min_rate": 1.0}]
    result = run_eval({"engine": engine, "held_out": rows, "behaviours": behaviours}, tmp_path / "run")
    assert result.verdict == "pass"
    assert (result.behaviours[0].base.value, result.behaviours[0].tuned.value) == (0.0, 1.0)
    path, key, body = _Chat.seen[-1]
    assert (path, key) == ("/v1/chat/completions", "Bearer s3cret")
    assert (body["temperature"], body["max_tokens"], body["model"]) == (0, 16, "new")
    assert [item.asked for item in result.not_measured] == [False]
    assert "s3cret" not in (tmp_path / "run" / "eval" / "eval.json").read_text(encoding="utf-8")


def test_all_refused_prompts_are_inconclusive_and_named(server, tmp_path):
    engine = {"kind": "endpoint", "url": server, "tuned_model": "new"}
    rows = _rows(tmp_path / "rows.jsonl", ["forbidden one", "forbidden two"])
    behaviours = [{"id": "no-apology", "preset": "apology", "max_rate": 0.02}]
    result = run_eval({"engine": engine, "held_out": rows, "behaviours": behaviours}, tmp_path / "run")
    assert result.verdict == "inconclusive"
    assert {item.name for item in result.not_measured if item.asked} == {"answers", "no-apology"}


def test_a_server_that_is_not_there_is_an_environment_problem(tmp_path):
    engine = {"kind": "endpoint", "url": "http://127.0.0.1:9/v1", "tuned_model": "new"}
    rows = _rows(tmp_path / "rows.jsonl", ["one"])
    with pytest.raises(EnvironmentProblem, match="Is the server up"):
        run_eval({"engine": engine, "held_out": rows}, tmp_path / "run")


def test_answers_of_a_file_are_matched_by_prompt(tmp_path):
    rows = _rows(tmp_path / "rows.jsonl", [f"What is fee {number}?" for number in range(60)])
    good, bad = tmp_path / "good.jsonl", tmp_path / "bad.jsonl"
    for path, opening in ((good, "It is 5."), (bad, "I'm sorry, I cannot say.")):
        lines = [json.dumps({"prompt": f"What is fee {n}?", "answer": opening}) for n in range(60)]
        path.write_text("\n".join(lines), encoding="utf-8")
    behaviours = [{"id": "no-apology", "preset": "apology", "max_rate": 0.02}]
    options = {"held_out": rows, "behaviours": behaviours, "prompts": 60}
    result = run_eval({**options, "engine": {"kind": "answers", "tuned": str(good)}}, tmp_path / "good")
    # 0 of 60 cannot show that the rate is below 2 %: Wilson's interval reaches 6 %.
    assert (result.verdict, result.base) == ("weak pass", None)
    with pytest.raises(GateFailed, match="no-apology: at most 2 %: fail, 100 % of 60 answers"):
        run_eval({**options, "engine": {"kind": "answers", "base": str(good), "tuned": str(bad)}}, tmp_path / "bad")
    assert shows("apology", "I'm sorry, I cannot say.", "")


def test_a_missing_answer_is_a_measurement_that_did_not_run(tmp_path):
    rows = _rows(tmp_path / "rows.jsonl", ["one", "two"])
    (tmp_path / "answers.jsonl").write_text(json.dumps({"prompt": "one", "answer": "x"}), encoding="utf-8")
    engine = {"kind": "answers", "tuned": str(tmp_path / "answers.jsonl")}
    result = run_eval({"engine": engine, "held_out": rows}, tmp_path / "run")
    assert result.verdict == "inconclusive"
    assert "1 of 2 prompts have no answer" in result.not_measured[0].reason
