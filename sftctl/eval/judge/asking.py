"""Many questions at once, within bounds: from judge.jsonl where they were asked before, else from the judge."""

import random
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sftctl import console
from sftctl.errors import Interrupted
from sftctl.eval.judge.client import ChatClient, Messages
from sftctl.eval.judge.config import JudgeConfig
from sftctl.eval.judge.exchanges import Exchanges
from sftctl.eval.judge.reply import JudgeReply, NoReply, Tokens
from sftctl.eval.judge.result import Cost
from sftctl.eval.judge.spending import Spending, most_tokens
from sftctl.manifest import hash_value
from sftctl.units import dollars


@dataclass(frozen=True)
class Request:
    """A question to the judge. `about` names it in judge.jsonl: kind, prompt, order."""

    messages: Messages
    about: Mapping[str, Any]


@dataclass(frozen=True)
class Replies:
    """What came of each request, and what all of them cost."""

    replies: list[JudgeReply | NoReply]
    cost: Cost


def ask_all(config: JudgeConfig, requests: Sequence[Request], path: Path, rng: random.Random) -> Replies:
    """Replies in the order of the requests. Whatever ends this, no reply that arrived is lost, and a request that a
    killed process had under way is sent again only where the recipe says so.

    Raises EnvironmentProblem for a judge that cannot be used, UsageError at the cost cap.
    """
    exchanges = Exchanges(path)
    keys = [_key(config, request) for request in requests]
    missing = {key: request for key, request in zip(keys, requests, strict=True) if exchanges.reply(key) is None}
    known = len(set(keys)) - len(missing)
    interrupted = exchanges.interrupted & missing.keys() if config.interrupted == "count" else frozenset()
    missing = {key: request for key, request in missing.items() if key not in interrupted}
    spending = Spending(config, exchanges.billed)
    _announce(config, missing=len(missing), known=known, interrupted=len(interrupted))
    if missing:
        stop = threading.Event()
        with ChatClient(config, rng, stop) as client:
            _ask_missing(missing, _Desk(config, client, exchanges, spending, stop))
    replies = {key: exchanges.reply(key) for key in keys}
    found = [reply.tokens for reply in replies.values() if reply is not None]
    cost = Cost(
        requests=len(missing),
        from_cache=known,
        interrupted=len(interrupted),
        input_tokens=sum(tokens.input for tokens in found),
        output_tokens=sum(tokens.output for tokens in found),
        usd=spending.usd,
    )
    return Replies([replies[key] or NoReply("interrupted" if key in interrupted else "refused") for key in keys], cost)


@dataclass(frozen=True)
class _Desk:
    config: JudgeConfig
    client: ChatClient
    exchanges: Exchanges
    spending: Spending
    stop: threading.Event

    def serve(self, key: str, request: Request) -> None:
        """Ask one question and keep the reply."""
        if self.stop.is_set():
            raise Interrupted("stopped before this question was asked")
        most = most_tokens(request.messages, self.config.max_reply_tokens)
        self.client.ask(request.messages, _Booked(key, most, request.about, self.exchanges, self.spending))


@dataclass(frozen=True)
class _Booked:
    """Each try of one request is paid for and on disk before anything else is done."""

    key: str
    most: Tokens
    about: Mapping[str, Any]
    exchanges: Exchanges
    spending: Spending

    def sending(self) -> None:
        self.spending.reserve(self.most)
        self.exchanges.sending(self.key, self.about, self.most)

    def failed(self, reason: str, billed: Tokens | None) -> None:
        self.spending.settle(self.most, billed)
        self.exchanges.failed(self.key, reason, billed)

    def answered(self, reply: JudgeReply) -> None:
        self.spending.settle(self.most, reply.tokens)
        self.exchanges.answered(self.key, self.about, reply)


def _ask_missing(missing: Mapping[str, Request], desk: _Desk) -> None:
    """On the first failure nothing new is sent; what is under way is awaited and kept."""
    concurrency = min(desk.config.concurrency, len(missing))
    pool = ThreadPoolExecutor(concurrency)
    try:
        _serve_all(missing, desk, pool, concurrency)
    finally:
        desk.stop.set()
        pool.shutdown(wait=True, cancel_futures=True)


def _serve_all(missing: Mapping[str, Request], desk: _Desk, pool: ThreadPoolExecutor, concurrency: int) -> None:
    waiting = list(missing.items())[::-1]
    futures: set[Future[None]] = set()
    done_count = 0
    with console.progress("judging", len(missing)) as advance:
        while waiting or futures:
            while waiting and len(futures) < concurrency:
                futures.add(pool.submit(desk.serve, *waiting.pop()))
            done, futures = wait(futures, return_when=FIRST_COMPLETED)
            for future in done:
                future.result()
            advance(len(done))
            _tell_progress(done_count, done_count + len(done), len(missing), desk.spending.usd)
            done_count += len(done)


def _tell_progress(before: int, after: int, total: int, usd: float | None) -> None:
    """A line at every tenth."""
    if before * 10 // total != after * 10 // total:
        spent = "" if usd is None else f", {dollars(usd)} so far"
        console.say(f"judge: {after} of {total} replies{spent}")


def _announce(config: JudgeConfig, *, missing: int, known: int, interrupted: int) -> None:
    kept = f", {known} known from before" if known else ""
    console.say(f"judge {console.safe(config.model)}: {missing} questions{kept}")
    if interrupted:
        console.warn(
            f"judge: requests under way when an earlier run was killed: {interrupted}. They may have been paid for and "
            "are not sent again; they count as paid in full and as without a verdict. "
            "To send them again: eval.judge.interrupted=resend"
        )


def _key(config: JudgeConfig, request: Request) -> str:
    """All that the reply depends on."""
    parts = [config.base_url, config.model, config.max_reply_tokens, config.temperature, list(request.messages)]
    return hash_value(parts)[:32]
