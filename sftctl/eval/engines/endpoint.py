"""Answers from a server that speaks OpenAI's chat completions."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Literal

import httpx

from sftctl.errors import EnvironmentProblem, UsageError
from sftctl.eval.engines.config import EndpointEngine
from sftctl.eval.engines.reply import KeepReplies, Reply
from sftctl.eval.prompts import Question
from sftctl.manifest import hash_value

_WORKERS = 8
_ATTEMPTS = 4


class EndpointAnswers:
    """Greedy answers (temperature 0) of two models that a server holds.

    A kill loses the answers under way, eight at most; they are asked for again under the same Idempotency-Key.
    """

    def __init__(self, config: EndpointEngine, *, max_new_tokens: int, system_prompt: str | None) -> None:
        self._config = config
        self._max_new_tokens = max_new_tokens
        self._system_prompt = system_prompt
        key = os.environ.get(config.api_key_env) if config.api_key_env else None
        if config.api_key_env and not key:
            raise EnvironmentProblem(f"eval.engine.api_key_env: the environment has no {config.api_key_env}. Set it.")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        transport = httpx.HTTPTransport(retries=_ATTEMPTS)
        self._client = httpx.Client(headers=headers, timeout=config.timeout_seconds, transport=transport)

    def identity(self, side: Literal["base", "tuned"]) -> str | None:
        model = self._model(side)
        return None if model is None else f"endpoint {self._config.url} {model} {self._max_new_tokens}"

    def answer(self, side: Literal["base", "tuned"], questions: Sequence[Question], keep: KeepReplies) -> None:
        """On the first failure, or a signal, nothing new is sent; what is under way is awaited and kept."""
        model = self._model(side) or ""

        def serve(number: int) -> None:
            keep({number: self._ask(model, questions[number])})

        pool = ThreadPoolExecutor(_WORKERS)
        try:
            for served in as_completed([pool.submit(serve, number) for number in range(len(questions))]):
                served.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _model(self, side: Literal["base", "tuned"]) -> str | None:
        return self._config.base_model if side == "base" else self._config.tuned_model

    def _ask(self, model: str, question: Question) -> Reply | None:
        """None where the server refuses this prompt (400, 413, 422); anything else that fails ends the stage."""
        body = {
            "model": model,
            "messages": self._messages(question),
            "temperature": 0,
            "max_tokens": self._max_new_tokens,
        }
        url = f"{self._config.url.rstrip('/')}/chat/completions"
        headers = {"Idempotency-Key": hash_value([url, body])[:32]}
        for attempt in range(_ATTEMPTS):
            try:
                response = self._client.post(url, json=body, headers=headers)
            except httpx.HTTPError as error:
                raise EnvironmentProblem(f"{url}: {error or type(error).__name__}. Is the server up?") from error
            if response.status_code != 429 and response.status_code < 500:
                break
            if attempt + 1 == _ATTEMPTS:
                raise EnvironmentProblem(f"{url}: the server answers {response.status_code} again and again.")
        if response.status_code in (400, 413, 422):
            return None
        if response.status_code != 200:
            raise UsageError(f"{url}: status {response.status_code} for model {model}. Check url, model and key.")
        try:
            choice = response.json()["choices"][0]
            return Reply(choice["message"]["content"] or "", choice.get("finish_reason") == "stop")
        except (ValueError, LookupError, TypeError) as error:
            raise EnvironmentProblem(f"{url}: the answer has not the form of chat completions ({error}).") from error

    def _messages(self, question: Question) -> list[dict[str, object]]:
        if question.row.is_plain_text:
            return [{"role": "user", "content": question.text}]
        turns = [dict(message) for message in question.row.messages]
        before = turns[:-1] if turns[-1]["role"] == "assistant" else turns
        if self._system_prompt and before[0]["role"] != "system":
            return [{"role": "system", "content": self._system_prompt}, *before]
        return before
