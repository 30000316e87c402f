"""A server that speaks OpenAI's chat completions: the key that opens it, and when and how it is asked again."""

import os
import random
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from sftctl import console
from sftctl.errors import EnvironmentProblem

FIRST_DELAY_SECONDS = 0.5
_LONGEST_DELAY_SECONDS = 60.0
_LONGEST_RETRY_AFTER_SECONDS = 600.0
_PASSING = {408, 409, 425, 429}
_REFUSED = {400, 413, 422}
_SHOWN_CHARACTERS = 300


def key_of(variable: str | None, setting: str) -> str | None:
    """The key that the environment holds. Raises EnvironmentProblem, which never quotes it."""
    if variable is None:
        return None
    key = os.environ.get(variable, "").strip()
    if not key:
        raise EnvironmentProblem(f"{setting}: the environment has no {variable}. Set it.")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise EnvironmentProblem(f"{setting}: {variable} holds characters that no header may carry.")
    return key


def authorization(key: str | None) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"} if key else {}


def hidden(text: str, key: str | None) -> str:
    """The text without the key, which a server or a library may quote."""
    return text.replace(key, "***") if key else text


def said(response: httpx.Response, key: str | None) -> str:
    """The beginning of what the server says, as a terminal may show it."""
    return console.safe(hidden(response.text[:_SHOWN_CHARACTERS], key)).strip()


def writable(text: str) -> str:
    """An answer with a question mark for each half of a character, which no file can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")


def may_pass(response: httpx.Response) -> bool:
    """Whether the same request may fare better later."""
    return response.status_code in _PASSING or response.status_code >= 500


def refuses_request(response: httpx.Response) -> bool:
    """Whether the server refuses this very request, and may take others."""
    return response.status_code in _REFUSED


def delay_seconds(attempt: int, response: httpx.Response | None, rng: random.Random) -> float:
    """The wait after a failed try, counted from 0: doubled each time and spread, or what the server asks for."""
    spread: float = rng.uniform(0.5, 1.0)
    asked = None if response is None else _retry_after(response.headers.get("retry-after"))
    if asked is None:
        return min(_LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2.0**attempt) * spread
    return min(asked, _LONGEST_RETRY_AFTER_SECONDS) + FIRST_DELAY_SECONDS * spread


def _retry_after(value: str | None) -> float | None:
    """Seconds or an HTTP date (RFC 9110, section 10.2.3); None where there is none or it cannot be read."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return None
    aware = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(0.0, (aware - datetime.now(UTC)).total_seconds())
