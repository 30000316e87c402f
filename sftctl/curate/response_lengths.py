"""How long the responses are: in characters for every row, in tokens where somebody asks."""

import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass

from sftctl.curate.script_lengths import english_length
from sftctl.data.conversation import Conversation

GENERATOR_COLUMNS = ("generator", "model", "model_name", "source_model")
"""Columns that name the model which wrote the response; its rows are compared as a source of their own."""

CountTokens = Callable[[Sequence[str]], Sequence[int]]
"""Tokens of each text, in the recipe's tokenizer, without special tokens."""


@dataclass(frozen=True, slots=True)
class LengthProfile:
    """Lengths of the responses of one origin."""

    rows: int
    lower_quartile: float
    median: float
    upper_quartile: float

    @property
    def spread(self) -> float:
        """Upper quartile divided by the lower one; 1 where half of the rows have one length."""
        return self.upper_quartile / max(self.lower_quartile, 1)


class ResponseLengths:
    """Lengths of the last response of each row, grouped by origin.

    Tokenising costs more than all other filters together. Tokens are therefore counted for a whole origin, in
    batches, when one of its rows is first asked about, and never for the others.
    """

    def __init__(self, conversations: Iterable[Conversation], count_tokens: CountTokens) -> None:
        self._count = count_tokens
        self._rows: dict[str, list[Conversation]] = defaultdict(list)
        for conversation in conversations:
            self._rows[origin(conversation)].append(conversation)
        self.characters = {
            name: _profile(english_length(row.response) for row in rows) for name, rows in self._rows.items()
        }
        """The profile of each origin, in characters as English would need."""
        self._peers: dict[str, tuple[str, ...]] = {}
        self._tokens: dict[str, dict[str, int]] = {}
        self._token_profiles: dict[str, LengthProfile] = {}

    def tokens(self, conversation: Conversation) -> int:
        return self._tokens_of(origin(conversation))[conversation.id]

    def token_profile(self, name: str) -> LengthProfile:
        """As `characters`, in tokens."""
        if name not in self._token_profiles:
            self._token_profiles[name] = _profile(self._tokens_of(name).values())
        return self._token_profiles[name]

    def peers(self, name: str) -> tuple[str, ...]:
        """Origins whose lengths say what this one's should be: of its source, or answering most of its prompts."""
        if name not in self._peers:
            source = self._rows[name][0].source
            prompts = {row.prompt for row in self._rows[name]}
            self._peers[name] = tuple(
                other
                for other, rows in self._rows.items()
                if other != name and (rows[0].source == source or _asked_among(rows, prompts) >= len(prompts) / 2)
            )
        return self._peers[name]

    def _tokens_of(self, name: str) -> dict[str, int]:
        if name not in self._tokens:
            rows = self._rows[name]
            counts = self._count([row.response for row in rows])
            self._tokens[name] = {row.id: count for row, count in zip(rows, counts, strict=True)}
        return self._tokens[name]


def origin(conversation: Conversation) -> str:
    """The source, and within it the model that wrote the response where a column says so."""
    for column in GENERATOR_COLUMNS:
        name = conversation.extra.get(column)
        if isinstance(name, str) and name:
            return f"{conversation.source}/{name}"
    return conversation.source


def _asked_among(rows: Iterable[Conversation], prompts: Set[str]) -> int:
    return len(prompts & {row.prompt for row in rows})


def _profile(lengths: Iterable[int]) -> LengthProfile:
    ordered = sorted(lengths)
    if len(ordered) == 1:
        return LengthProfile(1, ordered[0], ordered[0], ordered[0])
    lower, median, upper = statistics.quantiles(ordered, n=4, method="inclusive")
    return LengthProfile(len(ordered), lower, median, upper)
