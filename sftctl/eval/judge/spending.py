"""What judging costs, and the cap: no request is sent that could pass it."""

import threading
from collections.abc import Iterable
from dataclasses import dataclass

from sftctl.errors import UsageError
from sftctl.eval.judge.client import Messages
from sftctl.eval.judge.config import JudgeConfig
from sftctl.eval.judge.reply import Tokens


@dataclass(frozen=True)
class Prices:
    """US dollars per million tokens."""

    input: float
    output: float

    def of(self, tokens: Tokens) -> float:
        return (tokens.input * self.input + tokens.output * self.output) / 1e6


def prices_of(config: JudgeConfig) -> Prices | None:
    """None unless both prices are stated."""
    inward, outward = config.usd_per_million_input_tokens, config.usd_per_million_output_tokens
    return None if inward is None or outward is None else Prices(inward, outward)


def most_tokens(messages: Messages, max_reply_tokens: int) -> Tokens:
    """What a request can come to. Two bytes a token is more than any common tokenizer needs on text."""
    size = sum(len(message["content"].encode("utf-8", "replace")) for message in messages)
    return Tokens(-(-size // 2), max_reply_tokens)


class Spending:
    """Safe to use from several threads. What earlier starts were `billed` counts: the cap is for the run."""

    def __init__(self, config: JudgeConfig, billed: Iterable[Tokens]) -> None:
        self._prices = prices_of(config)
        self._cap = config.max_cost_usd
        self._lock = threading.Lock()
        self._reserved = 0.0
        self._spent = sum(map(self._cost, billed))

    @property
    def usd(self) -> float | None:
        """What was spent so far; None where no price is known."""
        with self._lock:
            return None if self._prices is None else self._spent

    def reserve(self, most: Tokens) -> None:
        """Set the most that a request can cost aside. Raises UsageError where that could pass the cap."""
        cost = self._cost(most)
        with self._lock:
            if self._cap is not None and self._spent + self._reserved + cost > self._cap:
                raise UsageError(
                    f"eval.judge.max_cost_usd: ${self._spent:.4f} of ${self._cap:g} is spent and one more request may "
                    f"cost ${cost:.4f}. Raise it, or lower max_prompts or max_reply_tokens. Replies so far are kept."
                )
            self._reserved += cost

    def settle(self, most: Tokens, billed: Tokens | None) -> None:
        """Book what a request did cost in place of what was set aside."""
        with self._lock:
            self._reserved -= self._cost(most)
            self._spent += self._cost(billed) if billed is not None else 0.0

    def _cost(self, tokens: Tokens) -> float:
        return self._prices.of(tokens) if self._prices is not None else 0.0
