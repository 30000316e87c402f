"""A server in trouble, and a run that is stopped: each prompt is answered once, but for those under way at a kill."""

import json
import signal
import threading
from collections import Counter

import pytest

from sftctl.errors import EnvironmentProblem, Interrupted, UsageError
from sftctl.eval import chat_server
from sftctl.eval.engines import endpoint
from tests.eval.conftest import run_eval
from tests.eval.judge.server import Answer, serving
from tests.train.forked import kill_when

PROMPTS = [f"What is fee {number}?" for number in range(40)]
AT_ONCE = endpoint._WORKERS


@pytest.fixture
def ask(tmp_path):
    """Eval of forty prompts by a server."""
    lines = [json.dumps({"instruction": prompt, "input": "", "output": "It is 5."}) for prompt in PROMPTS]
    (tmp_path / "rows.jsonl").write_text("\n".join(lines), encoding="utf-8")

    def work(server, **more):
        engine = {"kind": "endpoint", "url": server.url, "tuned_model": "new", **more}
        options = {"engine": engine, "held_out": str(tmp_path / "rows.jsonl"), "prompts": len(PROMPTS)}
        return run_eval(options, tmp_path / "run")

    return work


def asked(server):
    return Counter(json.loads(body)["messages"][-1]["content"] for body in server.served)


def test_a_kill_costs_what_was_under_way_again_and_under_the_same_name(ask):
    with serving(lambda body, number: "It is 5.", hold_from=21) as server:
        ended = kill_when(lambda: ask(server), lambda: len(server.seen) >= 20 + AT_ONCE, then=server.released.set)
        assert ended == -signal.SIGKILL
        while server.busy:
            threading.Event().wait(0.005)
        ask(server)
        names = dict(zip(server.names, (body["messages"][-1]["content"] for body in server.seen), strict=True))
    assert set(asked(server)) == set(PROMPTS)
    assert sum(asked(server).values()) == len(PROMPTS) + AT_ONCE
    assert len(names) == len(PROMPTS)


def test_troubles_that_pass_are_waited_out(ask, monkeypatch):
    monkeypatch.setattr(chat_server, "FIRST_DELAY_SECONDS", 0.001)
    troubles = {5: Answer(status=429), 9: Answer(status=503, headers={"Retry-After": "0"}), 13: Answer("It", cut=True)}
    with serving(lambda body, number: troubles.get(number, "It is 5.")) as server:
        ask(server)
    assert set(asked(server)) == set(PROMPTS)
    assert len(server.seen) == len(PROMPTS) + 3
    assert len(set(server.names)) == len(PROMPTS) + 2  # an error is asked again by a new name


def test_a_server_that_stays_in_trouble_ends_the_stage_and_all_that_was_answered_is_kept(ask, monkeypatch):
    monkeypatch.setattr(chat_server, "FIRST_DELAY_SECONDS", 0.001)
    with serving(lambda body, number: "It is 5." if number <= 12 else Answer(status=503)) as server:
        with pytest.raises(EnvironmentProblem, match=r"no answer in 7 tries \(status 503\)\. Answers so far are kept"):
            ask(server)
        assert len(server.served) == 12
    with serving(lambda body, number: "It is 5.") as server:
        ask(server)
    assert len(server.served) == len(PROMPTS)


def test_what_is_no_chat_completion_is_shown_without_the_key(ask, monkeypatch):
    monkeypatch.setenv("A_KEY", "s3cret")
    with serving(lambda body, number: Answer(body=b'{"choices": [{"message": {"content": ["s3cret"]}}]}')) as server:
        with pytest.raises(EnvironmentProblem, match="this is no answer in the form of chat completions") as error:
            ask(server, api_key_env="A_KEY")
        assert server.keys == {"Bearer s3cret"}
    assert '{"choices": [{"message": {"content": ["***"]}}]}' in str(error.value)


def test_odd_servers_are_no_bug(ask, monkeypatch, tmp_path):
    monkeypatch.setattr(chat_server, "FIRST_DELAY_SECONDS", 0.001)
    half = rb'{"choices": [{"message": {"content": "a \ud800"}, "finish_reason": "stop"}]}'
    odd = {
        5: Answer(status=429, headers={"Retry-After": "\xb2"}),
        9: Answer("It", headers={"Content-Encoding": "gzip"}),
        13: Answer(body=half),
    }
    with serving(lambda body, number: odd.get(number, "It is 5.")) as server:
        ask(server)
    answers = (tmp_path / "run/eval/generations.tuned.jsonl").read_text(encoding="utf-8")
    assert (answers.count("It is 5."), answers.count("a ?")) == (len(PROMPTS) - 1, 1)
    no_answer = pytest.raises(EnvironmentProblem, match="this is no answer in the form of chat completions")
    with serving(lambda body, number: Answer(body=b"[" * 100_000)) as server, no_answer:
        ask(server, tuned_model="newer")


def test_a_failure_keeps_all_answers_that_came_and_those_under_way(ask):
    def answers(body, number):
        return Answer(status=401) if number == 20 else "It is 5."

    with serving(answers, seconds=0.02) as server:
        with pytest.raises(UsageError, match="status 401"):
            ask(server)
        came = len(server.served)
        assert came >= 19
        ask(server)
    assert set(asked(server).values()) == {1}
    assert sum(asked(server).values()) == len(PROMPTS)


def test_a_signal_awaits_and_keeps_what_is_under_way(ask):
    with serving(lambda body, number: "It is 5.", hold_from=11) as server:
        under_way = 10 + AT_ONCE
        stopped = kill_when(
            lambda: ask(server), lambda: len(server.seen) >= under_way, signal.SIGTERM, then=server.released.set
        )
        assert stopped == Interrupted.exit_code
        ask(server)
    assert set(asked(server).values()) == {1}
