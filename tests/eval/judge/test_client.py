"""One request to a real server: what a failed try is taken for, when it is tried again, what the server may refuse."""

import json
import random
import threading

import pytest

from sftctl.errors import EnvironmentProblem
from sftctl.eval import chat_server
from sftctl.eval.judge.client import ChatClient
from sftctl.eval.judge.reply import Tokens
from tests.eval.judge.server import Answer, material, perfect, serving
from tests.eval.judge.test_judging import config, contests, run


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(chat_server, "FIRST_DELAY_SECONDS", 0.001)


class Tries:
    """What the client says of each try."""

    key = "k"
    most = Tokens(1000, 1000)

    def __init__(self):
        self.told = []

    def sending(self):
        self.told.append("sending")

    def failed(self, reason, billed):
        self.told.append((reason.partition(":")[0], billed))

    def answered(self, reply):
        self.told.append("answered")


def test_half_a_character_and_an_odd_count_of_tokens_spoil_no_reply():
    half = rb'{"choices": [{"message": {"content": "[[A]] \ud800"}}], "usage": "none"}'
    with serving(lambda body, number: Answer(body=half)) as judge:
        client = ChatClient(config(judge), random.Random(1), threading.Event())
        reply = client.ask([{"role": "user", "content": "?"}], Tries())
    assert (reply.text, reply.input_tokens, reply.output_tokens) == ("[[A]] ?", 1, 2)


def test_retry_after_is_waited_for(tmp_path):
    waits = []

    class Stop(threading.Event):
        def wait(self, timeout=None):
            waits.append(timeout)
            return False

    first = Answer(status=429, headers={"Retry-After": "7"})
    with serving(lambda body, number: first if number == 1 else "[[A]]") as judge:
        client = ChatClient(config(judge), random.Random(1), Stop())
        reply = client.ask([{"role": "user", "content": "?"}], Tries())
    assert judge.names == ["k-0", "k-1"]
    assert (reply.text, reply.input_tokens, reply.output_tokens) == ("[[A]]", 400, 100)
    assert len(waits) == 1
    assert 7 < waits[0] < 7.01


@pytest.mark.parametrize(
    ("trouble", "told", "names"),
    [
        (Answer(status=429), ("status 429", None), ["k-0", "k-1"]),
        (Answer(status=500), ("status 500", None), ["k-0", "k-1"]),
        (Answer(status=409), ("status 409", None), ["k-0", "k-0"]),
        (Answer(""), ("an empty reply", Tokens(400, 100)), ["k-0", "k-1"]),
        (Answer("[[A]]", cut=True), ("RemoteProtocolError", Tries.most), ["k-0", "k-0"]),
        (Answer(body=b"{"), ("a reply that is not a whole chat completion", Tries.most), ["k-0", "k-0"]),
        (Answer(body=b"[" * 100_000), ("a reply that is not a whole chat completion", Tries.most), ["k-0", "k-0"]),
        (Answer("[[A]]", headers={"Content-Encoding": "gzip"}), ("DecodingError", Tries.most), ["k-0", "k-0"]),
    ],
    ids=["429", "500", "409", "empty", "cut", "broken", "deep", "no gzip"],
)
def test_what_a_failed_try_may_have_cost_is_told_and_an_answer_that_was_not_seen_is_asked_for_by_name(
    trouble, told, names
):
    tries = Tries()
    with serving(lambda body, number: trouble if number == 1 else "[[A]]") as judge:
        ChatClient(config(judge), random.Random(1), threading.Event()).ask([{"role": "user", "content": "?"}], tries)
    assert tries.told == ["sending", told, "sending", "answered"]
    assert judge.names == names


def test_a_request_that_never_left_costs_nothing():
    with serving(perfect) as judge:
        gone = config(judge, max_attempts=1)
    tries = Tries()
    with pytest.raises(EnvironmentProblem):
        ChatClient(gone, random.Random(1), threading.Event()).ask([{"role": "user", "content": "?"}], tries)
    assert tries.told == ["sending", ("ConnectError", None)]


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        (
            "Unsupported parameter: 'max_tokens' is not supported here. Use 'max_completion_tokens' instead.",
            "Set eval.judge.token_limit_field to max_completion_tokens.",
        ),
        (
            "Unrecognized request argument supplied: max_completion_tokens",
            "Set eval.judge.token_limit_field to max_tok",
        ),
        (
            "Unsupported value: 'temperature' does not support 0 with this model. Only the default (1) is supported.",
            "Set eval.judge.temperature to null.",
        ),
        ("`temperature` is deprecated for this model.", "Set eval.judge.temperature to null."),
    ],
)
def test_a_field_that_the_model_does_not_take_ends_at_once_with_what_to_set(said, advice, tmp_path):
    body = json.dumps({"error": {"message": said}}).encode()
    refuse = serving(lambda question, number: Answer(status=400, body=body))
    with refuse as judge, pytest.raises(EnvironmentProblem, match="status 400") as error:
        run(judge, tmp_path, concurrency=1)
    assert advice in str(error.value)
    assert said in str(error.value)
    assert len(judge.seen) == 1


def test_a_prompt_that_is_too_long_says_nothing_of_the_field_it_names(tmp_path):
    too_long = b"'max_tokens' is too large: 1024. This model supports at most 512 completion tokens"

    def partly(body, number):
        first = material(body)["turns"][0]["user"] == "Question 0?"
        return Answer(status=400, body=too_long) if first else perfect(body, number)

    with serving(partly) as judge:
        assert run(judge, tmp_path, contests(8), max_unparsed_share=0.5).reliability.refused == 2


def test_newer_models_get_the_fields_they_take(tmp_path):
    with serving(perfect) as judge:
        run(judge, tmp_path, contests(1), token_limit_field="max_completion_tokens", temperature=None)
    assert set(judge.seen[0]) == {"model", "messages", "max_completion_tokens"}
