"""What judging costs, and the cap: no request is sent that could pass it."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from sftctl.errors import UsageError
from sftctl.eval.judge.client import JudgeReply, Messages
from sftctl.eval.judge.config import JudgeConfig


@dataclass(frozen=True)
class Prices:
    """US dollars per million tokens."""

    input: float
    output: float

    def of(self, input_tokens: float, output_tokens: float) -> float:
        return (input_tokens * self.input + output_tokens * self.output) / 1e6


def prices_of(config: JudgeConfig) -> Prices | None:
    """None unless both prices are stated."""
    inward, outward = config.usd_per_million_input_tokens, config.usd_per_million_output_tokens
    return None if inward is None or outward is None else Prices(inward, outward)


class Spending:
    """Safe to use from several threads. Replies of earlier starts count: the cap is for the run."""

    def __init__(self, config: JudgeConfig, paid: Sequence[JudgeReply]) -> None:
        self._prices = prices_of(config)
        self._cap = config.max_cost_usd
        self._longest_reply = config.max_reply_tokens
        self._lock = threading.Lock()
        self._reserved = 0.0
        self._spent = sum(self._cost(reply) for reply in paid)

    @property
    def usd(self) -> float | None:
        """What was spent so far; None where no price is known."""
        with self._lock:
            return None if self._prices is None else self._spent

    def reserve(self, messages: Messages) -> float:
        """Set the most that a request can cost aside. Raises UsageError where that could pass the cap."""
        if self._prices is None or self._cap is None:
            return 0.0
        # Two bytes a token is more than any common tokenizer needs on text; the reply may be as long as it is let.
        most_tokens = sum(len(message["content"].encode("utf-8", "replace")) for message in messages) / 2
        most = self._prices.of(most_tokens, self._longest_reply)
        with self._lock:
            if self._spent + self._reserved + most > self._cap:
                raise UsageError(
                    f"eval.judge.max_cost_usd: ${self._spent:.4f} of ${self._cap:g} is spent and one more request may "
                    f"cost ${most:.4f}. Raise it, or lower max_prompts or max_reply_tokens. Replies so far are kept."
                )
            self._reserved += most
        return most

    def settle(self, reserved: float, reply: JudgeReply | None) -> None:
        """Book what a request did cost in place of what was set aside."""
        with self._lock:
            self._reserved -= reserved
            self._spent += self._cost(reply) if reply is not None else 0.0

    def _cost(self, reply: JudgeReply) -> float:
        return self._prices.of(reply.input_tokens, reply.output_tokens) if self._prices is not None else 0.0
