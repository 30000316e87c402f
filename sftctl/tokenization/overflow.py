"""Rows longer than max_length: dropped, shortened by whole turns, or an error; a response is never cut."""

from dataclasses import dataclass

from sftctl.data.conversation import Conversation
from sftctl.errors import DataUnusable
from sftctl.tokenization.batch import BatchEncoder
from sftctl.tokenization.config import OnOverflow
from sftctl.tokenization.encode import Encoded
from sftctl.tokenization.refusal import MaskRefused
from sftctl.tokenization.rows import NOT_TRAINED, EncodedRow


@dataclass(frozen=True, slots=True)
class Fitted:
    """The rows that one conversation became: one, or the consecutive pieces of a plain text."""

    rows: list[EncodedRow]
    encoded: Encoded
    shortened: bool = False


@dataclass(frozen=True)
class Overflow:
    """The recipe's policy at one length in tokens."""

    max_length: int
    policy: OnOverflow
    encoder: BatchEncoder
    limit_of_model: bool = False
    """Whether `max_length` is what the model takes, and not the recipe's key."""

    @property
    def _limit(self) -> str:
        return f"the model's {self.max_length}" if self.limit_of_model else f"data.max_length={self.max_length}"

    def fit(self, row: Conversation, encoded: Encoded) -> Fitted | MaskRefused:
        """The conversation in rows of at most `max_length`, or why it is left out.

        Raises DataUnusable for a row that is too long under `on_overflow: error`.
        """
        if row.is_plain_text:
            return Fitted(self._pieces(row, encoded), encoded)
        shortened = len(encoded.input_ids) > self.max_length
        if shortened:
            fitted = self._shorten(row, len(encoded.input_ids))
            if isinstance(fitted, MaskRefused):
                return fitted
            encoded = fitted
        if all(label == NOT_TRAINED for label in encoded.labels):
            return MaskRefused("no_trained_tokens", "no token of the row carries loss: it holds no response")
        return Fitted([EncodedRow(row.id, row.source, row.role, encoded.input_ids, encoded.labels)], encoded, shortened)

    def _pieces(self, row: Conversation, encoded: Encoded) -> list[EncodedRow]:
        """Plain text in consecutive pieces: every token is in one of them."""
        pieces = []
        for start in range(0, len(encoded.input_ids), self.max_length):
            ids = encoded.input_ids[start : start + self.max_length]
            labels = encoded.labels[start : start + self.max_length]
            name = row.id if start == 0 else f"{row.id}/{start // self.max_length + 1}"
            pieces.append(EncodedRow(name, row.source, row.role, ids, labels))
        return pieces

    def _shorten(self, row: Conversation, length: int) -> Encoded | MaskRefused:
        if self.policy == "error":
            raise DataUnusable(
                f"row {row.id} of {row.source} has {length} tokens, more than {self._limit}. "
                + ("Shorten it" if self.limit_of_model else "Raise data.max_length")
                + ", or set data.on_overflow to drop or keep_whole_turns"
            )
        if self.policy == "keep_whole_turns":
            responses = [number for number, message in enumerate(row.messages[:-1]) if message["role"] == "assistant"]
            for last in reversed(responses):
                shorter = self.encoder.encode([row.messages[: last + 1]], [row.tools])[0]
                if isinstance(shorter, Encoded) and len(shorter.input_ids) <= self.max_length:
                    return shorter
        return MaskRefused("too_long", f"{length} tokens, more than {self._limit}")
