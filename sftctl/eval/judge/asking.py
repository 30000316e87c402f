"""Many questions at once, within bounds: from the cache where they were asked before, else from the judge."""

import random
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sftctl import console
from sftctl.errors import Interrupted
from sftctl.eval.judge.cache import ReplyCache
from sftctl.eval.judge.client import ChatClient, JudgeReply, Messages
from sftctl.eval.judge.config import JudgeConfig
from sftctl.eval.judge.result import Cost
from sftctl.eval.judge.spending import Spending
from sftctl.manifest import hash_value


@dataclass(frozen=True)
class Request:
    """A question to the judge. `about` names it in judge.jsonl: kind, prompt, order."""

    messages: Messages
    about: Mapping[str, Any]


@dataclass(frozen=True)
class Replies:
    """One reply to each request, None where the server refused it, and what all of them cost."""

    replies: list[JudgeReply | None]
    cost: Cost


def ask_all(config: JudgeConfig, requests: Sequence[Request], path: Path, rng: random.Random) -> Replies:
    """Replies in the order of the requests. Whatever ends this early, no reply that arrived is lost or asked again.

    Raises EnvironmentProblem for a judge that cannot be used, UsageError at the cost cap.
    """
    cache = ReplyCache(path)
    keys = [_key(config, request) for request in requests]
    missing = {key: request for key, request in zip(keys, requests, strict=True) if cache.get(key) is None}
    spending = Spending(config, cache.replies)
    _announce(len(missing), len(set(keys)) - len(missing), config)
    if missing:
        stop = threading.Event()
        with ChatClient(config, rng, stop) as client:
            _ask_missing(missing, _Desk(client, cache, spending, stop), config.concurrency)
    replies = [cache.get(key) for key in keys]
    unique = {key: reply for key, reply in zip(keys, replies, strict=True) if reply is not None}
    cost = Cost(
        requests=len(missing),
        from_cache=len(set(keys)) - len(missing),
        input_tokens=sum(reply.input_tokens for reply in unique.values()),
        output_tokens=sum(reply.output_tokens for reply in unique.values()),
        usd=spending.usd,
    )
    return Replies(replies, cost)


@dataclass(frozen=True)
class _Desk:
    client: ChatClient
    cache: ReplyCache
    spending: Spending
    stop: threading.Event

    def serve(self, key: str, request: Request) -> None:
        """Ask one question and keep the reply."""
        if self.stop.is_set():
            raise Interrupted("stopped before this question was asked")
        reserved = self.spending.reserve(request.messages)
        reply = None
        try:
            reply = self.client.ask(request.messages)
            # A refusal was not paid for; another try may be let through.
            if reply is not None:
                self.cache.put(key, request.about, reply)
        finally:
            self.spending.settle(reserved, reply)


def _ask_missing(missing: Mapping[str, Request], desk: _Desk, concurrency: int) -> None:
    """On the first failure nothing new is sent; what is under way is awaited and kept."""
    pool = ThreadPoolExecutor(min(concurrency, len(missing)))
    futures: set[Future[None]] = set()
    try:
        with console.progress("judging", len(missing)) as advance:
            waiting = list(missing.items())[::-1]
            done_count = 0
            while waiting or futures:
                while waiting and len(futures) < concurrency:
                    futures.add(pool.submit(desk.serve, *waiting.pop()))
                done, futures = wait(futures, return_when=FIRST_COMPLETED)
                for future in done:
                    future.result()
                advance(len(done))
                _tell_progress(done_count, done_count + len(done), len(missing), desk.spending.usd)
                done_count += len(done)
    finally:
        desk.stop.set()
        pool.shutdown(wait=True, cancel_futures=True)


def _tell_progress(before: int, after: int, total: int, usd: float | None) -> None:
    """A line at every tenth."""
    if before * 10 // total != after * 10 // total:
        spent = "" if usd is None else f", ${usd:.4f} so far"
        console.say(f"judge: {after} of {total} replies{spent}")


def _announce(missing: int, known: int, config: JudgeConfig) -> None:
    kept = f", {known} known from before" if known else ""
    console.say(f"judge {console.safe(config.model)}: {missing} questions{kept}")


def _key(config: JudgeConfig, request: Request) -> str:
    """All that the reply depends on."""
    parts = [config.base_url, config.model, config.max_reply_tokens, list(request.messages)]
    return hash_value(parts)[:32]
