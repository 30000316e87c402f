"""One question to a server that speaks OpenAI's chat completions: retried with patience, and the key never shown."""

import random
import re
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, Self

import httpx

from sftctl import console
from sftctl.errors import EnvironmentProblem
from sftctl.eval import chat_server
from sftctl.eval.judge.config import JudgeConfig
from sftctl.eval.judge.reply import JudgeReply, Tokens

_KEY_SETTING = "eval.judge.api_key_env"
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
_SETTINGS = {
    "max_tokens": "Set eval.judge.token_limit_field to max_completion_tokens.",
    "max_completion_tokens": "Set eval.judge.token_limit_field to max_tokens.",
    "temperature": "Set eval.judge.temperature to null.",
}
"""Fields that some models refuse, in the order in which their refusals name them, and what to set instead."""

Messages = Sequence[Mapping[str, str]]


class Tries(Protocol):
    """Told of each try of one request before it is made, and what came of it before anything else is done."""

    @property
    def key(self) -> str: ...

    @property
    def most(self) -> Tokens: ...

    def sending(self) -> None: ...

    def failed(self, reason: str, billed: Tokens | None) -> None: ...

    def answered(self, reply: JudgeReply) -> None: ...


class _Failure(Exception):
    """A try without a usable reply. `billed`: what it may have cost; `answered`: the server has dealt with it."""

    def __init__(
        self,
        reason: str,
        *,
        response: httpx.Response | None = None,
        billed: Tokens | None = None,
        answered: bool = True,
    ) -> None:
        super().__init__(reason)
        self.response = response
        self.billed = billed
        self.answered = answered


class _Refused(_Failure):
    """No other try will fare better."""


class ChatClient:
    """Safe to use from several threads. `stop` ends every wait at once."""

    def __init__(self, config: JudgeConfig, rng: random.Random, stop: threading.Event) -> None:
        self._config = config
        self._rng = rng
        self._stop = stop
        self._key = chat_server.key_of(config.api_key_env, _KEY_SETTING)
        self._told = False
        self._url = f"{config.base_url.rstrip('/')}/chat/completions"
        # Redirects are not followed: they could carry the key to another host.
        self._http = httpx.Client(
            headers=chat_server.authorization(self._key),
            timeout=config.timeout_seconds,
            follow_redirects=False,
            limits=httpx.Limits(max_connections=config.concurrency),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._http.close()

    def ask(self, messages: Messages, tries: Tries) -> JudgeReply | None:
        """None where the server refuses this very request (400, 413, 422). An empty reply is asked for again first.

        Raises EnvironmentProblem when it cannot be reached, refuses the key, or fails `max_attempts` times.
        """
        reason, answers = "", 0
        for attempt in range(self._config.max_attempts):
            last = attempt + 1 == self._config.max_attempts
            try:
                return self._try(messages, tries, answers, last=last)
            except _Refused:
                return None
            except _Failure as failure:
                reason = str(failure)
                answers += failure.answered
                if not last:
                    self._stop.wait(chat_server.delay_seconds(attempt, failure.response, self._rng))
            if self._stop.is_set():
                break
        raise EnvironmentProblem(
            f"{self._url}: the judge gave no usable reply in {self._config.max_attempts} tries ({reason}). "
            "Verdicts so far are kept: run the same command again when it is up."
        )

    def _try(self, messages: Messages, tries: Tries, answers: int, *, last: bool) -> JudgeReply:
        """`answers` to earlier tries were of no use: a server that knows this key must not repeat them."""
        tries.sending()
        try:
            reply = self._read(self._post(messages, f"{tries.key}-{answers}", tries.most), messages, tries.most)
            # A judge that stays silent on one prompt has given no verdict there: no reason to end the run.
            if not last and not reply.text.strip():
                raise _Failure("an empty reply", billed=reply.tokens)
        except _Failure as failure:
            tries.failed(str(failure), failure.billed)
            raise
        except EnvironmentProblem as problem:
            tries.failed(str(problem), None)
            raise
        tries.answered(reply)
        return reply

    def _post(self, messages: Messages, idempotency_key: str, most: Tokens) -> httpx.Response:
        body: dict[str, Any] = {
            "model": self._config.model,
            "messages": list(messages),
            self._config.token_limit_field: self._config.max_reply_tokens,
        }
        if self._config.temperature is not None:
            body["temperature"] = self._config.temperature
        try:
            response = self._http.post(self._url, json=body, headers={"Idempotency-Key": idempotency_key})
        except httpx.RequestError as error:
            billed = None if isinstance(error, _NEVER_SENT) else most
            # `from None`: a library's message might quote a header, and the header holds the key.
            raise _Failure(
                chat_server.hidden(f"{type(error).__name__}: {error}", self._key), billed=billed, answered=False
            ) from None
        self._check_status(response)
        return response

    def _check_status(self, response: httpx.Response) -> None:
        status = response.status_code
        if status == 200:
            return
        if chat_server.may_pass(response):
            # 409: a former try under this Idempotency-Key is still at work; its answer is the one to wait for.
            raise _Failure(f"status {status}", response=response, answered=status != 409)
        said = chat_server.said(response, self._key)
        advice = _advice(said)
        if chat_server.refuses_request(response) and advice is None:
            self._tell_refusal(status, said)
            raise _Refused(f"status {status}")
        raise EnvironmentProblem(
            f"{self._url}: status {status} for judge {self._config.model}. "
            f"{advice or 'Check eval.judge.base_url, model and api_key_env.'} The server says: {said or 'nothing'}"
        )

    def _tell_refusal(self, status: int, said: str) -> None:
        """Once: where every request is refused, the server's words say what the judge does not take."""
        if not self._told:
            self._told = True
            said = console.safe(said)
            console.warn(f"the judge refuses a request (status {status}): {said or 'no reason given'}")

    def _read(self, response: httpx.Response, messages: Messages, most: Tokens) -> JudgeReply:
        try:
            document = response.json()
            choice = document["choices"][0]
            text = choice["message"]["content"] or ""
            usage = document["usage"] if isinstance(document.get("usage"), dict) else {}
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            raise _Failure("a reply that is not a whole chat completion", billed=most, answered=False) from None
        if not isinstance(text, str):
            raise _Failure("a reply that is not text", billed=most)
        return JudgeReply(
            text=chat_server.writable(chat_server.hidden(text, self._key)),
            whole=choice.get("finish_reason") != "length",
            input_tokens=_count(usage, "prompt_tokens", sum(len(message["content"]) for message in messages)),
            output_tokens=_count(usage, "completion_tokens", len(text)),
        )


def check_key(config: JudgeConfig) -> None:
    """Raises EnvironmentProblem, before anything is measured, where the key that the recipe names is not there."""
    chat_server.key_of(config.api_key_env, _KEY_SETTING)


def _advice(said: str) -> str | None:
    """What to set where the server does not support a field that we send; None where it says something else.

    Only then: a prompt that is too long is refused with the same names, and says nothing of the other prompts.
    """
    if not re.search(r"unsupported|not support|deprecat|unrecogni[sz]ed|not permitted", said, re.IGNORECASE):
        return None
    named = re.search(r"\b(max_tokens|max_completion_tokens|temperature)\b", said)
    return _SETTINGS[named[1]] if named else None


def _count(usage: Mapping[str, Any], name: str, characters: int) -> int:
    """The server's count of tokens; about four characters a token where it gives none."""
    value = usage.get(name)
    return value if isinstance(value, int) and value >= 0 else -(-characters // 4)
