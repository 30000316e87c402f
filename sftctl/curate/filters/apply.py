"""Runs the filters over the rows: one judgement a row, in order."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from sftctl.curate.facts import CorpusFacts
from sftctl.curate.filters.rules import FilterRule
from sftctl.data.conversation import Conversation


@dataclass(frozen=True, slots=True)
class Judgement:
    """`reason` is set for a dropped row only; `flags` are the reasons of the rules that only flag."""

    action: Literal["keep", "drop", "flag"]
    reason: str | None = None
    flags: tuple[str, ...] = ()


def apply_filters(
    conversations: Iterable[Conversation], rules: Sequence[FilterRule], facts: CorpusFacts
) -> list[Judgement]:
    """One judgement a conversation. The first rule that drops ends it: a dropped row carries no flags."""
    dropping = [rule for rule in rules if rule.action == "drop"]
    flagging = [rule for rule in rules if rule.action == "flag"]
    return [_judge(conversation, dropping, flagging, facts) for conversation in conversations]


def _judge(
    conversation: Conversation, dropping: Sequence[FilterRule], flagging: Sequence[FilterRule], facts: CorpusFacts
) -> Judgement:
    for rule in dropping:
        reason = rule.judge(conversation, facts)
        if reason is not None:
            return Judgement("drop", reason)
    reasons = (rule.judge(conversation, facts) for rule in flagging)
    flags = tuple(reason for reason in reasons if reason is not None)
    return Judgement("flag", None, flags) if flags else Judgement("keep")
