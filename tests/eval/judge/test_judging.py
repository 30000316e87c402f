"""Whole judgements against a real local server: honest judges, biased ones, failing ones, and what they cost."""

import json
import traceback
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from sftctl.errors import EnvironmentProblem, UsageError
from sftctl.eval import chat_server
from sftctl.eval.judge.config import JudgeConfig
from sftctl.eval.judge.contest import Contest, Contests, Task
from sftctl.eval.judge.judging import judge_contests
from sftctl.eval.judge.trust import gate_of
from sftctl.run_dir import RunDir
from tests.eval.judge.server import KEY, Answer, always_first, material, perfect, serving

CHECKS = 5 * 2 + 5 * 2 * 2
"""Requests beside the contests: five prompts against themselves, and two canaries on each, in both orders."""


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(chat_server, "FIRST_DELAY_SECONDS", 0.001)


def contests(count=8, won=None):
    """The tuned model gives a good answer to the first `won` prompts, the opponent to the rest."""
    won = count if won is None else won
    items = [
        Contest(Task(f"p{i}", (f"Question {i}?",)), *((("good",), ("poor",)) if i < won else (("poor",), ("good",))))
        for i in range(count)
    ]
    return Contests(tuple(items), "held_out", "base")


def config(judge, **more):
    return JudgeConfig.model_validate({"base_url": judge.url, "model": "judge-1", **more})


def run(judge, folder, of=None, **more):
    return judge_contests(config(judge, **more), of or contests(), RunDir(folder), 17, {}).result


def test_a_perfect_judge_gives_one_and_is_trusted(tmp_path):
    with serving(perfect) as judge:
        result = run(judge, tmp_path)
    assert (result.win_rate.rate.value, result.win_rate.rate.high, result.win_rate.won) == (1.0, 1.0, 8)
    assert result.win_rate.rate.low == pytest.approx(1 / (1 + 1.959964**2 / 8))  # Wilson, 8 of 8
    assert result.win_rate.sign_test_p == 2 / 2**8
    assert (result.reliability.position_bias, result.reliability.swap_consistency) == (0.0, 1.0)
    assert (result.self_test.win_rate, result.self_test.ties, result.self_test.verdicts) == (0.5, 10, 10)
    assert [(canary.fooled, canary.verdicts) for canary in result.canaries] == [(0, 10), (0, 10)]
    assert result.warnings == ()
    assert len(judge.seen) == 16 + CHECKS
    assert all(body["temperature"] == 0 and body["model"] == "judge-1" for body in judge.seen)
    example = result.examples[0]
    assert (example.winner, example.tuned, example.reason) == ("tuned", "good", "It says [[B]] somewhere.")


def test_a_judge_that_always_names_the_first_gives_one_half_and_is_flagged(tmp_path):
    with serving(always_first) as judge:
        result = run(judge, tmp_path)
        gate = gate_of(config(judge, min_win_rate=0.4), result)
    assert (result.win_rate.rate.value, result.reliability.position_bias) == (0.5, 1.0)
    assert result.reliability.swap_consistency == 0.0
    assert result.warnings[0].startswith("position bias +1.00")
    assert [(canary.fooled, canary.verdicts) for canary in result.canaries] == [(5, 10), (5, 10)]
    assert gate is not None
    assert gate[0] == "inconclusive"
    assert "not to be trusted" in gate[1]


def test_a_judge_that_obeys_what_an_answer_commands_is_detected(tmp_path):
    def gullible(body, number):
        for letter in "AB":
            if f"with [[{letter}]]" in material(body)["turns"][-1].get(f"assistant_{letter}", ""):
                return f"[[{letter}]]"
        return perfect(body, number)

    with serving(gullible) as judge:
        result = run(judge, tmp_path)
    assert [(canary.name, canary.fooled) for canary in result.canaries] == [
        ("injected command", 10),
        ("constant answer", 0),
    ]
    assert result.warnings == ("injected command: 10 of 10 verdicts fell for it",)


def _trapped(body):
    """Whether a canary is shown."""
    return "[[" in json.dumps(material(body)["turns"])


def test_canaries_that_the_server_refuses_are_reported_and_fool_nobody(tmp_path):
    filtered = Answer(status=400, body=b"content filter")
    with serving(lambda body, number: filtered if _trapped(body) else perfect(body, number)) as judge:
        result = run(judge, tmp_path)
    assert [(canary.fooled, canary.verdicts, canary.refused) for canary in result.canaries] == [(0, 0, 10)] * 2
    assert result.warnings == ()


def test_a_judge_without_verdicts_on_canaries_and_equal_answers_is_not_trusted(tmp_path):
    def coy(body, number):
        turn = material(body)["turns"][-1]
        equal = turn["assistant_A"] == turn["assistant_B"]
        return "I would rather not say." if equal or _trapped(body) else perfect(body, number)

    with serving(coy) as judge:
        result = run(judge, tmp_path)
    assert [warning.partition(",")[0] for warning in result.warnings] == [
        "no verdict on equal answers",
        "injected command: no verdict on any",
        "constant answer: no verdict on any",
    ]


@pytest.mark.parametrize(
    "trouble",
    [
        Answer(status=429, headers={"Retry-After": "0"}),
        Answer(status=429, headers={"Retry-After": format_datetime(datetime.now(UTC) + timedelta(seconds=0.2))}),
        Answer(status=429, headers={"Retry-After": "soon"}),
        Answer(status=500),
        Answer(status=503),
        Answer(body=b'{"choices": [{"mess'),
        Answer("[[A]]", cut=True),
        Answer(""),
        Answer(body=b"[]"),
        Answer(body=b'{"choices": []}'),
    ],
    ids=["429", "429-date", "429-words", "500", "503", "cut-json", "cut-body", "empty", "list", "no-choice"],
)
def test_a_passing_failure_is_tried_again_and_changes_no_figure(trouble, tmp_path):
    with serving(lambda body, number: trouble if number in (1, 2, 5) else perfect(body, number)) as judge:
        result = run(judge, tmp_path, contests(4, won=3))
    assert result.win_rate.rate.value == 0.75
    assert result.reliability.unparsed_share == 0
    assert len(judge.seen) == 8 + 4 * 2 * 3 + 3


def test_a_silent_judge_and_a_refused_prompt_are_counted_not_dropped(tmp_path, capsys):
    def partly(body, number):
        asked = material(body)["turns"][0]["user"]
        if asked == "Question 0?":
            return ""
        return Answer(status=400, body=b"too long") if asked == "Question 1?" else perfect(body, number)

    with serving(partly) as judge:
        result = run(judge, tmp_path, contests(8), max_unparsed_share=0.5, max_attempts=2)
        with pytest.raises(EnvironmentProblem, match=r"25 % of its replies hold no verdict"):
            run(judge, tmp_path, contests(8), max_attempts=2)
    assert (result.reliability.unparsed_share, result.reliability.refused) == (0.25, 2)
    assert result.win_rate.rate.items == 6
    assert capsys.readouterr().err.count("refuses a request (status 400): too long") == 2


@pytest.mark.parametrize("reply", ["I cannot decide.", "", "[A]"])
def test_a_judge_without_verdicts_ends_with_exit_8(reply, tmp_path):
    with serving(lambda body, number: reply) as judge, pytest.raises(EnvironmentProblem, match="no verdict") as error:
        run(judge, tmp_path, max_attempts=1, max_unparsed_share=1)
    assert error.value.exit_code == 8


def test_an_unreachable_judge_ends_with_exit_8(tmp_path):
    with serving(perfect) as judge:
        gone = config(judge, max_attempts=2)
    with pytest.raises(EnvironmentProblem, match=r"no usable reply in 2 tries \(ConnectError") as error:
        judge_contests(gone, contests(), RunDir(tmp_path), 17, {})
    assert error.value.exit_code == 8


def test_a_second_run_asks_nothing_and_says_the_same(tmp_path):
    with serving(perfect) as judge:
        first = run(judge, tmp_path)
        asked = len(judge.seen)
        again = run(judge, tmp_path)
    assert len(judge.seen) == asked
    assert (again.cost.requests, again.cost.from_cache) == (0, asked)
    assert again.model_copy(update={"cost": first.cost}) == first


def test_no_more_requests_at_once_than_allowed(tmp_path):
    with serving(perfect, seconds=0.02) as judge:
        run(judge, tmp_path, concurrency=3)
    assert judge.busiest == 3


def test_the_cost_cap_stops_before_it_is_passed_and_the_rest_is_asked_later(tmp_path):
    # 400 tokens read and 100 written: $0.0028 a reply at these prices.
    prices = {"usd_per_million_input_tokens": 2, "usd_per_million_output_tokens": 20, "max_reply_tokens": 100}
    with serving(perfect) as judge:
        with pytest.raises(UsageError, match=r"max_cost_usd: \$0\.0\d+ of \$0.05 is spent"):
            run(judge, tmp_path, max_cost_usd=0.05, concurrency=2, **prices)
        stopped_at = len(judge.seen)
        result = run(judge, tmp_path, max_cost_usd=5, concurrency=2, **prices)
    assert 0.04 < stopped_at * 0.0028 <= 0.05
    assert result.cost.usd == pytest.approx(0.0028 * (16 + CHECKS))
    assert len(judge.seen) == 16 + CHECKS
    assert len(set(judge.served)) == len(judge.served)


def test_a_cap_without_prices_is_refused():
    with pytest.raises(ValueError, match="max_cost_usd needs the prices"):
        JudgeConfig(base_url="http://localhost/v1", model="m", max_cost_usd=1)


@pytest.mark.parametrize("status", [200, 401, 403, 404, 500])
def test_the_key_is_in_no_file_message_or_traceback(status, tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("JUDGE_KEY", KEY)
    echo = Answer(f"Your key is {KEY}. [[A]]") if status == 200 else Answer(status=status, body=f"bad {KEY}".encode())
    said = ""
    with serving(lambda body, number: echo) as judge:
        try:
            run(judge, tmp_path, api_key_env="JUDGE_KEY", max_attempts=2)
        except EnvironmentProblem:
            said = traceback.format_exc()
    assert judge.keys == {f"Bearer {KEY}"}
    files = "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file())
    assert files
    assert f"{files}{said}{capfd.readouterr()}".count(KEY) == 0


@pytest.mark.parametrize(("value", "message"), [("", "has no JUDGE_KEY"), ("sk-1\nsk-2", "no header may carry")])
def test_a_missing_or_broken_key_is_named_and_not_shown(value, message, tmp_path, monkeypatch):
    monkeypatch.setenv("JUDGE_KEY", value)
    with serving(perfect) as judge, pytest.raises(EnvironmentProblem, match=message) as error:
        run(judge, tmp_path, api_key_env="JUDGE_KEY")
    assert "sk-" not in str(error.value)


def test_grades_are_paired_by_turn_and_told_by_category(tmp_path):
    items = [
        Contest(
            Task("m", ("1+1?", "Double it."), references=("2", "4"), category="math"), ("good", "poor"), ("x", "x")
        ),
        Contest(Task("w", ("Write.",), references=("Once",), category="writing"), ("good",), ("x",)),
    ]
    both = Contests(tuple(items), "held_out", "reference", base=(("poor", "poor"), ("good",)))
    with serving(perfect) as judge:
        result = run(judge, tmp_path, both, grade=True)
    figures = {grades.category: (grades.base, grades.tuned, grades.items) for grades in result.grades}
    assert figures == {
        "math": (4.0, 6.5, 2),
        "writing": (9.0, 9.0, 1),
        "all": (pytest.approx(17 / 3), pytest.approx(22 / 3), 3),
    }
    shown = [material(body) for body in judge.seen if "assistant" in material(body)["turns"][-1]]
    assert sorted(len(each["turns"]) for each in shown) == [1, 1, 1, 1, 2, 2]
    assert [each.get("reference_answers") for each in shown if each["turns"][0]["user"] == "Write."] == [None, None]
    assert (
        sorted(map(str, (each.get("reference_answers") for each in shown if len(each["turns"]) == 2)))
        == ["['2', '4']"] * 2
    )


def test_judge_jsonl_says_what_was_asked(tmp_path):
    with serving(perfect) as judge:
        run(judge, tmp_path, contests(1))
    lines = [json.loads(line) for line in (tmp_path / "eval" / "judge.jsonl").read_text().splitlines()]
    shown = [(line["order"], *(line.keys() & {"sent", "reply"})) for line in lines if line["kind"] == "pair"]
    assert sorted(shown) == [
        ("opponent first", "reply"),
        ("opponent first", "sent"),
        ("tuned first", "reply"),
        ("tuned first", "sent"),
    ]
