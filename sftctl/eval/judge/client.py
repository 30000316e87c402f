"""One question to a server that speaks OpenAI's chat completions: retried with patience, and the key never shown."""

import os
import random
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Self

import httpx

from sftctl import console
from sftctl.errors import EnvironmentProblem
from sftctl.eval.judge.config import JudgeConfig

_FIRST_DELAY_SECONDS = 0.5
_LONGEST_DELAY_SECONDS = 60.0
_LONGEST_RETRY_AFTER_SECONDS = 600.0
_PASSING = {408, 409, 425, 429}
_REFUSED = {400, 413, 422}
_SHOWN_CHARACTERS = 300

Messages = Sequence[Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class JudgeReply:
    """What the judge wrote, and what it read and wrote in tokens. `whole`: it ended by itself, not at a limit."""

    text: str
    whole: bool
    input_tokens: int
    output_tokens: int


class _Passing(Exception):
    """A failure that another try may not meet. `wait_seconds` is what the server asked for."""

    def __init__(self, reason: str, wait_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.wait_seconds = wait_seconds


class ChatClient:
    """Safe to use from several threads. `stop` ends every wait at once."""

    def __init__(self, config: JudgeConfig, rng: random.Random, stop: threading.Event) -> None:
        self._config = config
        self._rng = rng
        self._stop = stop
        self._key = _key(config.api_key_env)
        self._told = False
        self._url = f"{config.base_url.rstrip('/')}/chat/completions"
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        # Redirects are not followed: they could carry the key to another host.
        self._http = httpx.Client(headers=headers, timeout=config.timeout_seconds, follow_redirects=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._http.close()

    def ask(self, messages: Messages) -> JudgeReply | None:
        """None where the server refuses this very request (400, 413, 422). An empty reply is asked for again first.

        Raises EnvironmentProblem when it cannot be reached, refuses the key, or fails `max_attempts` times.
        """
        reason = ""
        for attempt in range(self._config.max_attempts):
            last = attempt + 1 == self._config.max_attempts
            try:
                reply = self._try(messages)
                # A judge that stays silent on one prompt has given no verdict there: no reason to end the run.
                if last or reply is None or reply.text.strip():
                    return reply
                self._wait(attempt, None)
            except _Passing as failure:
                reason = str(failure)
                if not last:
                    self._wait(attempt, failure.wait_seconds)
            if self._stop.is_set():
                break
        raise EnvironmentProblem(
            f"{self._url}: the judge gave no usable reply in {self._config.max_attempts} tries ({reason}). "
            "Verdicts so far are kept: run the same command again when it is up."
        )

    def _try(self, messages: Messages) -> JudgeReply | None:
        body = {
            "model": self._config.model,
            "messages": list(messages),
            "temperature": 0,
            "max_tokens": self._config.max_reply_tokens,
        }
        try:
            response = self._http.post(self._url, json=body)
        except httpx.TransportError as error:
            # `from None`: a library's message might quote a header, and the header holds the key.
            raise _Passing(self._hidden(f"{type(error).__name__}: {error}")) from None
        self._check_status(response)
        if response.status_code in _REFUSED:
            self._tell_refusal(response)
            return None
        return self._read(response, messages)

    def _tell_refusal(self, response: httpx.Response) -> None:
        """Once: where every request is refused, the server's words say what the judge does not take."""
        if not self._told:
            self._told = True
            said = console.safe(self._hidden(response.text[:_SHOWN_CHARACTERS]).strip())
            console.warn(f"the judge refuses a request (status {response.status_code}): {said or 'no reason given'}")

    def _check_status(self, response: httpx.Response) -> None:
        status = response.status_code
        if status == 200 or status in _REFUSED:
            return
        if status in _PASSING or status >= 500:
            raise _Passing(f"status {status}", _retry_after(response.headers.get("retry-after")))
        said = self._hidden(response.text[:_SHOWN_CHARACTERS]).strip()
        raise EnvironmentProblem(
            f"{self._url}: status {status} for judge {self._config.model}. Check eval.judge.base_url, model and "
            f"api_key_env. The server says: {said or 'nothing'}"
        )

    def _read(self, response: httpx.Response, messages: Messages) -> JudgeReply:
        try:
            document = response.json()
            choice = document["choices"][0]
            text = choice["message"]["content"] or ""
            usage = document.get("usage") or {}
        except (ValueError, LookupError, TypeError, AttributeError):
            raise _Passing("a reply that is not a whole chat completion") from None
        if not isinstance(text, str):
            raise _Passing("a reply that is not text")
        return JudgeReply(
            text=self._hidden(text),
            whole=choice.get("finish_reason") != "length",
            input_tokens=_count(usage, "prompt_tokens", sum(len(message["content"]) for message in messages)),
            output_tokens=_count(usage, "completion_tokens", len(text)),
        )

    def _hidden(self, text: str) -> str:
        return text.replace(self._key, "***") if self._key else text

    def _wait(self, attempt: int, asked_seconds: float | None) -> None:
        spread = self._rng.uniform(0.5, 1.0)
        delay = min(_LONGEST_DELAY_SECONDS, _FIRST_DELAY_SECONDS * 2**attempt) * spread
        if asked_seconds is not None:
            delay = min(asked_seconds, _LONGEST_RETRY_AFTER_SECONDS) + _FIRST_DELAY_SECONDS * spread
        self._stop.wait(delay)


def _key(variable: str | None) -> str | None:
    """The key that the environment holds. Raises EnvironmentProblem, which never quotes it."""
    if variable is None:
        return None
    key = os.environ.get(variable, "").strip()
    if not key:
        raise EnvironmentProblem(f"eval.judge.api_key_env: the environment has no {variable}. Set it.")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise EnvironmentProblem(f"eval.judge.api_key_env: {variable} holds characters that no header may carry.")
    return key


def check_key(config: JudgeConfig) -> None:
    """Raises EnvironmentProblem, before anything is measured, where the key that the recipe names is not there."""
    _key(config.api_key_env)


def _retry_after(value: str | None) -> float | None:
    """Seconds or an HTTP date (RFC 9110, section 10.2.3); None where there is none or it cannot be read."""
    if value is None:
        return None
    if value.strip().isdigit():
        return float(value)
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return None
    aware = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(0.0, (aware - datetime.now(UTC)).total_seconds())


def _count(usage: Mapping[str, Any], name: str, characters: int) -> int:
    """The server's count of tokens; about four characters a token where it gives none."""
    value = usage.get(name)
    return value if isinstance(value, int) and value >= 0 else -(-characters // 4)
