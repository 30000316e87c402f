"""What filters may know besides the row: facts of the whole corpus, gathered in one pass before any rule judges."""

import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sftctl.curate.language import UNKNOWN, guess_language
from sftctl.data.control_tokens import ControlTokens
from sftctl.data.conversation import Conversation

GENERATOR_COLUMNS = ("generator", "model", "model_name", "source_model")
"""Columns that name the model which wrote the response; its rows are compared as a source of their own."""


@dataclass(frozen=True, slots=True)
class LengthProfile:
    """Response lengths of one origin, in tokens."""

    rows: int
    lower_quartile: float
    median: float
    upper_quartile: float


@dataclass(frozen=True, slots=True)
class CorpusFacts:
    """Read-only facts; every mapping is keyed by conversation id or by origin."""

    response_tokens: Mapping[str, int]
    languages: Mapping[str, str] = field(default_factory=dict)
    usual_languages: Mapping[str, frozenset[str]] = field(default_factory=dict)
    lengths: Mapping[str, LengthProfile] = field(default_factory=dict)
    control_tokens: ControlTokens = field(default_factory=lambda: ControlTokens(()))
    """Those of the recipe's own tokenizer: in a text they would become the ids that end turns and begin others."""

    def language(self, conversation: Conversation) -> str:
        """A two-letter guess for the response, or `unknown` where the text is too short to tell."""
        return self.languages.get(conversation.id, UNKNOWN)


def origin(conversation: Conversation) -> str:
    """The source, and within it the model that wrote the response where a column says so."""
    for column in GENERATOR_COLUMNS:
        name = conversation.extra.get(column)
        if isinstance(name, str) and name:
            return f"{conversation.source}/{name}"
    return conversation.source


def gather_facts(
    conversations: Sequence[Conversation], response_tokens: Mapping[str, int], control_tokens: Iterable[str] = ()
) -> CorpusFacts:
    """One pass. `response_tokens` counts the last response's tokens by conversation id, from a batched tokenizer."""
    languages = {row.id: guess_language(row.response) for row in conversations}
    lengths: dict[str, list[int]] = defaultdict(list)
    by_source: dict[str, list[str]] = defaultdict(list)
    for row in conversations:
        lengths[origin(row)].append(response_tokens[row.id])
        if languages[row.id] != UNKNOWN:
            by_source[row.source].append(languages[row.id])
    return CorpusFacts(
        response_tokens=response_tokens,
        languages=languages,
        usual_languages={source: _usual(found) for source, found in by_source.items()},
        lengths={name: _profile(counts) for name, counts in lengths.items()},
        control_tokens=ControlTokens(control_tokens),
    )


def _usual(languages: Sequence[str], min_share: float = 0.05) -> frozenset[str]:
    """Languages that a source is made of: at least `min_share` of the rows whose language is known."""
    return frozenset(name for name in set(languages) if languages.count(name) >= min_share * len(languages))


def _profile(counts: Iterable[int]) -> LengthProfile:
    ordered = sorted(counts)
    if len(ordered) == 1:
        return LengthProfile(1, ordered[0], ordered[0], ordered[0])
    lower, median, upper = statistics.quantiles(ordered, n=4, method="inclusive")
    return LengthProfile(len(ordered), lower, median, upper)
