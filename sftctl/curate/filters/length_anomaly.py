"""Origins whose responses are cut to one length, or far shorter than all others: one model's 20-token stubs."""

import statistics
from typing import Literal

from pydantic import Field

from sftctl.curate.facts import CorpusFacts, LengthProfile, origin
from sftctl.curate.filters.rule import Rule
from sftctl.data.conversation import Conversation


class LengthAnomaly(Rule):
    """An origin is a source, or one model within it. Flags the rows that make it odd; labels are short by nature."""

    rule: Literal["length_anomaly"] = "length_anomaly"
    min_rows: int = Field(50, ge=2, description="fewest rows of an origin whose lengths say something")
    min_tokens: int = Field(8, ge=1, description="median length, in tokens, up to which responses count as labels")
    max_share_of_others: float = Field(
        0.25, gt=0, lt=1, description="median length divided by the median of the other origins, below which it is odd"
    )

    def judge(self, conversation: Conversation, facts: CorpusFacts) -> str | None:
        name = origin(conversation)
        profile = facts.lengths.get(name)
        if profile is None or profile.rows < self.min_rows or profile.median <= self.min_tokens:
            return None
        tokens = facts.response_tokens[conversation.id]
        if _pinned(profile) and profile.lower_quartile <= tokens <= profile.upper_quartile:
            return "length_pinned"
        narrow = profile.upper_quartile <= 2 * profile.lower_quartile
        if (
            narrow
            and tokens <= profile.upper_quartile
            and profile.median < self.max_share_of_others * self._others(name, facts)
        ):
            return "length_far_below_others"
        return None

    def _others(self, name: str, facts: CorpusFacts) -> float:
        medians = [
            other.median
            for key, other in facts.lengths.items()
            if key != name and other.rows >= self.min_rows and other.median > self.min_tokens
        ]
        return statistics.median(medians) if medians else 0.0


def _pinned(profile: LengthProfile) -> bool:
    """Half of the rows within a twentieth of one length: something cut them there."""
    return profile.upper_quartile <= 1.05 * profile.lower_quartile
