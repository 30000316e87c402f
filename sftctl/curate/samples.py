"""Rows to read: a few in full for every reason and flag, and some of those that are kept."""

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sftctl.curate.result import Sample
from sftctl.curate.verdicts import Verdict
from sftctl.data.conversation import Conversation
from sftctl.data.ingested import Ingested

ROWS_OF_A_REASON = 5
ROWS_KEPT = 20


def draw_samples(
    verdicts: Sequence[Verdict], rows: Mapping[str, Conversation], ingested: Ingested, seed: int
) -> dict[str, list[Sample]]:
    """By `kept`, `reason: NAME`, `flag: NAME`, `repair: NAME`, `held_out`, ...; the same rows for the same seed."""
    unread = {bad.id: bad.raw for bad in ingested.rejected}
    by_topic: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        for topic in _topics(verdict):
            by_topic[topic].append(verdict)
    samples = {}
    for topic in sorted(by_topic):
        count = ROWS_KEPT if topic == "kept" else ROWS_OF_A_REASON
        chosen = random.Random(f"{seed} {topic}").sample(by_topic[topic], min(count, len(by_topic[topic])))
        samples[topic] = [_sample(verdict, rows, unread) for verdict in chosen]
    return samples


def _topics(verdict: Verdict) -> list[str]:
    decision = verdict.decision
    first = f"reason: {decision.reason}" if decision.verdict == "rejected" else decision.verdict
    flags = [f"flag: {flag}" for flag in verdict.flags]
    repairs = [f"repair: {repair}" for repair in verdict.repairs]
    return [] if decision.verdict == "blank" else [first, *flags, *repairs]


def _sample(verdict: Verdict, rows: Mapping[str, Conversation], unread: Mapping[str, Any]) -> Sample:
    decision = verdict.decision
    if decision.id in unread:
        return Sample(id=decision.id, source=verdict.source, row={"raw": unread[decision.id]})
    matched = rows.get(decision.matched_id) if decision.matched_id and decision.matched_id != decision.id else None
    return Sample(
        id=decision.id,
        source=verdict.source,
        row=rows[decision.id].to_json(),
        matched=matched.to_json() if matched else None,
    )
