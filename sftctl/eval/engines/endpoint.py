"""Answers from a server that speaks OpenAI's chat completions."""

import random
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Literal

import httpx

from sftctl.errors import EnvironmentProblem, Interrupted, UsageError
from sftctl.eval import chat_server
from sftctl.eval.engines.config import EndpointEngine
from sftctl.eval.engines.reply import KeepReplies, Reply
from sftctl.eval.prompts import Question
from sftctl.manifest import hash_value

_WORKERS = 8
_ATTEMPTS = 7
"""With their waits half a minute: a server may start anew meanwhile."""


class EndpointAnswers:
    """Greedy answers (temperature 0) of two models that a server holds.

    A kill loses the answers under way, eight at most; they are asked for again under the same Idempotency-Key.
    """

    def __init__(self, config: EndpointEngine, *, max_new_tokens: int, system_prompt: str | None) -> None:
        self._config = config
        self._max_new_tokens = max_new_tokens
        self._system_prompt = system_prompt
        self._key = chat_server.key_of(config.api_key_env, "eval.engine.api_key_env")
        self._client = httpx.Client(headers=chat_server.authorization(self._key), timeout=config.timeout_seconds)
        self._url = f"{config.url.rstrip('/')}/chat/completions"
        self._reached = False

    def identity(self, side: Literal["base", "tuned"]) -> str | None:
        model = self._model(side)
        return None if model is None else f"endpoint {self._config.url} {model} {self._max_new_tokens}"

    def answer(self, side: Literal["base", "tuned"], questions: Sequence[Question], keep: KeepReplies) -> None:
        """On the first failure, or a signal, nothing new is sent; what is under way is awaited and kept."""
        model = self._model(side) or ""
        stop = threading.Event()

        def serve(number: int) -> None:
            keep({number: self._ask(model, questions[number], stop)})

        pool = ThreadPoolExecutor(_WORKERS)
        try:
            for served in as_completed([pool.submit(serve, number) for number in range(len(questions))]):
                served.result()
        finally:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)

    def _model(self, side: Literal["base", "tuned"]) -> str | None:
        return self._config.base_model if side == "base" else self._config.tuned_model

    def _ask(self, model: str, question: Question, stop: threading.Event) -> Reply | None:
        """None where the server refuses this prompt (400, 413, 422); anything else that fails ends the stage."""
        body = {
            "model": model,
            "messages": self._messages(question),
            "temperature": 0,
            "max_tokens": self._max_new_tokens,
        }
        response = self._post(body, stop)
        if chat_server.refuses_request(response):
            return None
        if response.status_code != 200:
            raise UsageError(
                f"{self._url}: status {response.status_code} for model {model}. Check eval.engine's url, model and "
                f"key. The server says: {chat_server.said(response, self._key) or 'nothing'}"
            )
        return self._read(response)

    def _post(self, body: Mapping[str, object], stop: threading.Event) -> httpx.Response:
        """The first response that is no passing trouble.

        After an error that the server sent, the Idempotency-Key is a new one: it may repeat what it sent.
        Raises EnvironmentProblem at once where the server never was there, else after the last try.
        """
        name, answered, tries = hash_value([self._url, body])[:32], 0, 0
        rng = random.Random(name)
        delay = 0.0
        while tries < _ATTEMPTS and not stop.wait(delay):
            response = None
            try:
                response = self._client.post(self._url, json=body, headers={"Idempotency-Key": f"{name}-{answered}"})
            except httpx.RequestError as error:
                trouble = self._trouble(error)
            else:
                self._reached = True
                if not chat_server.may_pass(response):
                    return response
                trouble = f"status {response.status_code}"
                answered += response.status_code != 409
            delay = chat_server.delay_seconds(tries, response, rng)
            tries += 1
        if not tries:
            raise Interrupted("stopped before this question was asked")
        raise EnvironmentProblem(
            f"{self._url}: no answer in {tries} tries ({trouble}). Answers so far are kept: run the same command again "
            "when the server is up."
        )

    def _trouble(self, error: httpx.RequestError) -> str:
        # `from None`: a library's message might quote a header, and the header holds the key.
        trouble = chat_server.hidden(f"{type(error).__name__}: {error}", self._key)
        if isinstance(error, httpx.ConnectError) and not self._reached:
            raise EnvironmentProblem(f"{self._url}: {trouble}. Is the server up?") from None
        return trouble

    def _read(self, response: httpx.Response) -> Reply:
        try:
            choice = response.json()["choices"][0]
            text = choice["message"]["content"] or ""
        except (ValueError, LookupError, TypeError, RecursionError):
            text = None
        if not isinstance(text, str):
            shown = chat_server.said(response, self._key)
            raise EnvironmentProblem(f"{self._url}: this is no answer in the form of chat completions: {shown}")
        return Reply(chat_server.writable(text), choice.get("finish_reason") == "stop")

    def _messages(self, question: Question) -> list[dict[str, object]]:
        if question.row.is_plain_text:
            return [{"role": "user", "content": question.text}]
        turns = [dict(message) for message in question.row.messages]
        before = turns[:-1] if turns[-1]["role"] == "assistant" else turns
        if self._system_prompt and before[0]["role"] != "system":
            return [{"role": "system", "content": self._system_prompt}, *before]
        return before
