"""Origins whose responses are cut to one length, or far shorter than all others: one model's 20-token stubs."""

import statistics
from typing import Literal

from pydantic import Field

from sftctl.curate.facts import CorpusFacts
from sftctl.curate.filters.rule import Rule
from sftctl.curate.response_lengths import LengthProfile, origin
from sftctl.curate.script_lengths import english_length
from sftctl.data.conversation import Conversation

PINNED = 1.05
"""Half of the rows within a twentieth of one number of tokens: something cut them there."""

PERHAPS_PINNED = 1.5
"""Rows cut at one number of tokens differ in characters by less; where they differ by more, no token is counted."""


class LengthAnomaly(Rule):
    """An origin is a source, or one model within it. Flags the rows that make it odd; labels are short by nature.

    Its peers are the models of the same source, and whoever answers the same prompts. A character counts for as much
    as English would need for it, so that twenty tokens of Chinese are no label.
    """

    rule: Literal["length_anomaly"] = "length_anomaly"
    min_rows: int = Field(50, ge=2, description="fewest rows of an origin whose lengths say something")
    min_characters: int = Field(
        40,
        ge=1,
        description="median length, in characters of English, up to which responses count as labels",
    )
    max_share_of_others: float = Field(
        0.25, gt=0, lt=1, description="median length divided by that of its peers, below which it is odd"
    )

    def judge(self, conversation: Conversation, facts: CorpusFacts) -> str | None:
        name = origin(conversation)
        profile = facts.lengths.characters.get(name)
        if profile is None or not self._says_something(profile):
            return None
        if profile.spread <= PERHAPS_PINNED and _stops_anywhere(conversation) and _is_pinned(conversation, facts):
            return "length_pinned"
        if (
            profile.spread <= 2
            and english_length(conversation.response) <= profile.upper_quartile
            and profile.median < self.max_share_of_others * self._others(name, facts)
        ):
            return "length_far_below_others"
        return None

    def _says_something(self, profile: LengthProfile) -> bool:
        return profile.rows >= self.min_rows and profile.median > self.min_characters

    def _others(self, name: str, facts: CorpusFacts) -> float:
        """0 where nothing can be compared: a source of headlines is not odd beside a source of essays."""
        profiles = (facts.lengths.characters[peer] for peer in facts.lengths.peers(name))
        medians = [profile.median for profile in profiles if self._says_something(profile)]
        return statistics.median(medians) if medians else 0.0


def _stops_anywhere(conversation: Conversation) -> bool:
    """On a letter or a comma: answers of one form have one length too, and end."""
    last = conversation.response.rstrip()[-1:]
    return last.isalnum() or last in ",;:(-，、；："


def _is_pinned(conversation: Conversation, facts: CorpusFacts) -> bool:
    profile = facts.lengths.token_profile(origin(conversation))
    within = profile.lower_quartile <= facts.lengths.tokens(conversation) <= profile.upper_quartile
    return within and profile.spread <= PINNED
