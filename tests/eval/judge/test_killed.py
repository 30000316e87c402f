"""A judgement that is killed and run again: what the server was sent, what it may bill, and what is reported."""

import json
import random
import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from sftctl.errors import EnvironmentProblem, UsageError
from sftctl.eval import chat_server
from sftctl.eval.interruption import progress_saved
from sftctl.eval.judge.exchanges import Exchanges
from sftctl.eval.judge.reply import Tokens
from sftctl.run_dir import RunDir
from tests.eval.judge.server import Answer, perfect, serving
from tests.eval.judge.test_judging import CHECKS, contests, run
from tests.train.forked import kill_when

QUESTIONS = 16 + CHECKS
PRICES = {"usd_per_million_input_tokens": 2, "usd_per_million_output_tokens": 20, "max_reply_tokens": 100}
REPLY_USD = 0.0028  # 400 tokens read and 100 written
TOLERANT = {"max_unparsed_share": 1, "concurrency": 4, **PRICES}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(chat_server, "FIRST_DELAY_SECONDS", 0.001)


def killed(judge, folder, happened, number=signal.SIGKILL, **options):
    """Judge in a child process until something has happened; its end, after the server has dealt with all it got."""

    def work():
        with progress_saved(folder):
            run(judge, folder, **options)

    end = kill_when(work, happened, number, then=judge.released.set)
    while judge.busy:
        time.sleep(0.005)
    time.sleep(0.02)
    return end


def lines(folder):
    return [json.loads(line) for line in RunDir(folder).judgements.read_bytes().splitlines()]


def kept(folder):
    return sum("reply" in line for line in lines(folder))


def most_usd(folder, keys):
    """What the marks of these requests say that they can cost."""
    marks = {line["key"]: line["sent"] for line in lines(folder) if "sent" in line}
    return sum(2 * marks[key]["input"] + 20 * marks[key]["output"] for key in keys) / 1e6


def test_after_a_kill_no_request_is_sent_twice_and_the_totals_add_up(tmp_path):
    with serving(perfect, hold_from=7) as judge:
        assert killed(judge, tmp_path, lambda: len(judge.seen) >= 10, **TOLERANT) == -signal.SIGKILL
        before = kept(tmp_path)
        lost = Exchanges(RunDir(tmp_path).judgements).interrupted
        result = run(judge, tmp_path, **TOLERANT)
        served = list(judge.served)
        again = run(judge, tmp_path, **TOLERANT)
        assert judge.served == served
        sent_again = run(judge, tmp_path, interrupted="resend", **TOLERANT)
    assert (before, len(lost)) == (6, 4)
    assert max(Counter(served).values()) == 1
    assert (result.cost.requests, result.cost.from_cache) == (QUESTIONS - before - len(lost), before)
    assert result.cost.interrupted == result.reliability.interrupted == len(lost)  # the first ten are all contests
    assert result.reliability.unparsed_share == pytest.approx(len(lost) / 16)
    assert result.cost.usd == pytest.approx(REPLY_USD * (QUESTIONS - len(lost)) + most_usd(tmp_path, lost))
    assert again.cost.usd == pytest.approx(result.cost.usd)
    assert (sent_again.cost.requests, sent_again.cost.interrupted) == (len(lost), 0)
    assert sent_again.cost.usd == pytest.approx(REPLY_USD * QUESTIONS + most_usd(tmp_path, lost))
    assert sent_again.win_rate.rate.items == 8
    names = Counter(judge.names)
    assert sum(count == 2 for count in names.values()) == len(judge.seen) - len(names)  # the same name when sent again


def test_one_verdict_a_prompt_is_no_comparison_however_many_may_be_missing(tmp_path):
    def only_one_order(body, number):
        return perfect(body, number) if number % 2 else Answer("no verdict")

    with serving(only_one_order) as judge, pytest.raises(EnvironmentProblem) as error:
        run(judge, tmp_path, max_unparsed_share=1, concurrency=1)
    assert str(error.value).startswith(
        "judge judge-1: 50 % of its replies hold no verdict, and no prompt has one in both orders. Read "
    )


def test_too_many_interrupted_requests_end_with_exit_8_and_say_how_to_send_them_again(tmp_path, capsys):
    with serving(perfect, hold_from=5) as judge:
        killed(judge, tmp_path, lambda: len(judge.seen) >= 8, concurrency=4)
        with pytest.raises(EnvironmentProblem, match=r"eval\.judge\.interrupted=resend asks again") as error:
            run(judge, tmp_path)
    assert error.value.exit_code == 8
    assert "under way when an earlier run was killed" in capsys.readouterr().err


def test_interrupted_requests_count_against_the_cap(tmp_path):
    folder = tmp_path / "counted"
    exchanges = Exchanges(RunDir(folder).judgements)
    for number in range(10):
        exchanges.sending(str(number), {}, Tokens(1000, 100))
    with serving(perfect) as judge, pytest.raises(UsageError, match=r"\$0\.0400 of \$0\.041 is spent"):
        run(judge, folder, max_cost_usd=0.041, **PRICES)
    assert judge.seen == []


def test_a_stop_by_signal_waits_for_what_is_under_way(tmp_path):
    with serving(perfect, hold_from=7) as judge:
        end = killed(judge, tmp_path, lambda: len(judge.seen) >= 10, signal.SIGTERM, **TOLERANT)
        sent = len(judge.seen)
        result = run(judge, tmp_path, **TOLERANT)
    assert end == 75
    assert (result.cost.from_cache, result.cost.interrupted) == (sent, 0)
    assert len(judge.seen) == len(set(judge.served)) == QUESTIONS


def test_a_request_that_failed_before_the_kill_is_asked_again(tmp_path):
    refuse = Answer(status=429, headers={"Retry-After": "60"})
    with serving(lambda body, number: refuse if number <= 4 else perfect(body, number)) as judge:
        killed(judge, tmp_path, lambda: _count(tmp_path, b'"failed"') == 4, **TOLERANT)
        result = run(judge, tmp_path, **TOLERANT)
    assert (result.cost.requests, result.cost.interrupted) == (QUESTIONS, 0)
    assert result.cost.usd == pytest.approx(REPLY_USD * QUESTIONS)


def _count(folder: Path, text: bytes) -> int:
    path = RunDir(folder).judgements
    return path.read_bytes().count(text) if path.exists() else 0


@pytest.mark.parametrize("torn", ["mark", "reply"])
def test_a_torn_mark_was_never_sent_and_a_torn_reply_is_interrupted(torn, tmp_path):
    with serving(perfect) as judge:
        run(judge, tmp_path, concurrency=1)
        path = RunDir(tmp_path).judgements
        whole = path.read_bytes().splitlines(keepends=True)  # mark, reply, mark, reply, ...
        path.write_bytes(b"".join(whole[: -1 if torn == "reply" else -2]) + whole[-1 if torn == "reply" else -2][:-9])
        asked = len(judge.seen)
        result = run(judge, tmp_path)
    assert len(judge.seen) - asked == (1 if torn == "mark" else 0)
    assert result.cost.interrupted == (0 if torn == "mark" else 1)
    assert result.win_rate.rate.value == 1.0


def _in_seconds(seconds):
    moment = time.monotonic() + seconds
    return lambda: time.monotonic() > moment


KILLS = 8
MANY = contests(KILLS * TOLERANT["concurrency"] + 1)
"""Prompts: each kill loses at most as many requests as are under way, so some prompt keeps both of its two."""


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_killed_again_and_again_at_any_moment_no_request_is_sent_twice(seed, tmp_path):
    rng = random.Random(seed)

    def troubled(body, number):
        time.sleep(rng.uniform(0, 0.02))
        chance = rng.random()
        if chance < 0.1:
            return Answer(status=429, headers={"Retry-After": "0"})
        return Answer(status=500) if chance < 0.2 else perfect(body, number)

    with serving(troubled) as judge:
        kills = 0
        for _ in range(KILLS):
            moment = _in_seconds(rng.uniform(0.01, 0.25))
            kills += killed(judge, tmp_path, moment, of=MANY, max_attempts=50, **TOLERANT) < 0
        result = run(judge, tmp_path, of=MANY, max_attempts=50, **TOLERANT)
    replies, lost = kept(tmp_path), result.cost.interrupted
    questions = 2 * len(MANY.items) + CHECKS
    assert kills
    assert max(Counter(judge.served).values()) == 1
    assert result.cost.requests + result.cost.from_cache + lost == questions
    assert replies == questions - lost
    assert replies <= len(judge.served) <= questions
    unanswered = Exchanges(RunDir(tmp_path).judgements).interrupted
    assert result.cost.usd == pytest.approx(REPLY_USD * replies + most_usd(tmp_path, unanswered))
    print(f"seed {seed}: {kills} kills, {len(judge.seen)} requests, {lost} interrupted")
