"""Many conversations -> Encoded, at about the cost of rendering and tokenising each once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from transformers import PreTrainedTokenizerBase

from sftctl.tokenization.config import TrainOn
from sftctl.tokenization.encode import Encoded, encode_conversation
from sftctl.tokenization.refusal import MaskRefused
from sftctl.tokenization.rendering import Messages


@dataclass(frozen=True)
class BatchEncoder:
    """One tokenizer and its options; the same result for every row as `encode_conversation`."""

    tokenizer: PreTrainedTokenizerBase
    train_on: TrainOn = "all_assistant"
    stop_tokens: Sequence[str] = ()
    allow_missing_eot: bool = False

    def encode(
        self, conversations: Sequence[Messages], tools: Sequence[Sequence[Mapping[str, Any]]] | None = None
    ) -> list[Encoded | MaskRefused]:
        """One result a row, in order; a row that cannot be exact gives its refusal."""
        results: list[Encoded | MaskRefused] = []
        for number, messages in enumerate(conversations):
            try:
                results.append(
                    encode_conversation(
                        messages,
                        self.tokenizer,
                        tools=tools[number] if tools else None,
                        train_on=self.train_on,
                        stop_tokens=self.stop_tokens,
                        allow_missing_eot=self.allow_missing_eot,
                    )
                )
            except MaskRefused as refusal:
                results.append(refusal)
        return results
