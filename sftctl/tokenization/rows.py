"""What a trainer reads, and what it never sees."""

from dataclasses import dataclass

from sftctl.data.conversation import SourceRole

NOT_TRAINED = -100
"""The label of a token that is context only."""


@dataclass(frozen=True, slots=True)
class EncodedRow:
    """Token ids, and labels that are NOT_TRAINED where a token carries no loss."""

    id: str
    source: str
    role: SourceRole
    input_ids: list[int]
    labels: list[int]

    @property
    def trained_tokens(self) -> int:
        return len(self.labels) - self.labels.count(NOT_TRAINED)


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that is not trained on."""

    id: str
    source: str
    reason: str
    message: str
