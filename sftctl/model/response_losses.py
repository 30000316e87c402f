"""The mean loss of each row's last response: what curate's quality scores are made of."""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from sftctl.data.conversation import Conversation
from sftctl.errors import DataUnusable
from sftctl.manifest import hash_value
from sftctl.model.config import ModelConfig
from sftctl.model.fingerprint import fingerprint
from sftctl.model.loading import load_model
from sftctl.model.scoring import score_rows
from sftctl.model.settings import context_length
from sftctl.model.source import resolve_path
from sftctl.tokenization.config import DataConfig
from sftctl.tokenization.dataset import encode_dataset
from sftctl.tokenization.prepare import Prepared
from sftctl.tokenization.rows import EncodedRow


class ResponseLosses:
    """A function from rows to nats per token of their last responses; nan for a row that cannot be encoded whole.

    Plain text is scored whole. The model is loaded when the first rows come.
    """

    def __init__(self, config: ModelConfig, prepared: Prepared, data: DataConfig) -> None:
        self._config = config
        self._prepared = prepared
        self._data = data.model_copy(update={"train_on": "last_assistant", "max_dropped_fraction": 1.0})

    @cached_property
    def identity(self) -> str:
        """Equal when the same weights are run in the same way on the same tokens."""
        weights = fingerprint(resolve_path(self._config.path), self._config)
        prepared = (self._prepared.tokenizer.chat_template, self._prepared.stop_token_ids)
        return hash_value([weights, prepared, self._data.model_dump(mode="json")])[:16]

    def __call__(self, rows: Sequence[Conversation]) -> list[float]:
        # The pieces of a long plain text are named by their row: 7, 7/2, 7/3.
        numbered = [replace(row, id=str(number)) for number, row in enumerate(rows)]
        nats = [0.0] * len(rows)
        tokens = [0] * len(rows)
        for loss in score_rows(self._model, self._encoded(numbered), pad_token_id=self._prepared.pad_token_id):
            number = int(loss.id.partition("/")[0])
            nats[number] += loss.nats
            tokens[number] += loss.tokens
        return [total / count if count else math.nan for total, count in zip(nats, tokens, strict=True)]

    def _encoded(self, rows: Sequence[Conversation]) -> Sequence[EncodedRow]:
        try:
            return encode_dataset(rows, self._prepared, self._data, model_max_length=context_length(self._config)).rows
        except DataUnusable:
            if self._data.on_overflow == "error":
                raise
            return []  # none of these rows can be encoded

    @cached_property
    def _model(self) -> Any:
        return load_model(self._config)
