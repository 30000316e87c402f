"""A server's answers that were paid for: none is asked for twice, but for those under way at a kill."""

import json
import signal
import threading
from collections import Counter

import pytest

from sftctl.errors import Interrupted, UsageError
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

    def work(server):
        engine = {"kind": "endpoint", "url": server.url, "tuned_model": "new"}
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
