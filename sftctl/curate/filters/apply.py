"""Runs the filters over the rows: one judgement a row, in order."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from sftctl.curate.facts import CorpusFacts
from sftctl.curate.filters.pii import PersonalData
from sftctl.curate.filters.refusal import Refusal
from sftctl.curate.filters.rules import FilterRule
from sftctl.data.conversation import Conversation
from sftctl.units import percent


@dataclass(frozen=True, slots=True)
class Judgement:
    """`reason` is set for a dropped row only; `flags` are the reasons of the rules that do not drop.

    `redacted` is the row to go on with where personal data was replaced in it, and else None.
    """

    action: Literal["keep", "drop", "flag"]
    reason: str | None = None
    flags: tuple[str, ...] = ()
    redacted: Conversation | None = None


def apply_filters(
    conversations: Iterable[Conversation], rules: Sequence[FilterRule], facts: CorpusFacts
) -> list[Judgement]:
    """One judgement a conversation. The first rule that drops ends it: a dropped row carries no flags."""
    dropping = [rule for rule in rules if rule.action == "drop"]
    flagging = [rule for rule in rules if rule.action in ("flag", "redact")]
    return [_judge(conversation, dropping, flagging, facts) for conversation in conversations]


def share_warnings(judgements: Sequence[Judgement], rules: Sequence[FilterRule]) -> tuple[str, ...]:
    """A sentence for each limited flag that more of the kept rows carry than its rule allows."""
    kept = [judgement for judgement in judgements if judgement.action != "drop"]
    sentences = []
    for rule in rules:
        if not isinstance(rule, Refusal) or rule.action != "flag":
            continue
        flagged = sum(rule.rule in judgement.flags for judgement in kept)
        if flagged > rule.max_share * len(kept):
            sentences.append(
                f"{flagged} of {len(kept)} kept rows ({percent(flagged / len(kept))}) are refusals, more than "
                f"{percent(rule.max_share)}: the model will learn to refuse. "
                "Set the filter `refusal` to `drop`, or raise its max_share if that is wanted."
            )
    return tuple(sentences)


def _judge(
    conversation: Conversation, dropping: Sequence[FilterRule], flagging: Sequence[FilterRule], facts: CorpusFacts
) -> Judgement:
    for rule in dropping:
        reason = rule.judge(conversation, facts)
        if reason is not None:
            return Judgement("drop", reason)
    flags = []
    redacted = None
    for rule in flagging:
        reason = rule.judge(conversation, facts)
        if reason is None:
            continue
        flags.append(reason)
        if isinstance(rule, PersonalData) and rule.action == "redact":
            redacted = rule.redacted(conversation)
    return Judgement("flag", None, tuple(flags), redacted) if flags else Judgement("keep")
