"""The mean loss of each row's last response: what curate's quality scores are made of."""

import math
from collections.abc import Callable, Sequence

from sftctl.data.conversation import Conversation
from sftctl.model.config import ModelConfig
from sftctl.model.loading import context_length, load_model
from sftctl.model.scoring import score_rows
from sftctl.tokenization.config import DataConfig
from sftctl.tokenization.dataset import encode_dataset
from sftctl.tokenization.prepare import Prepared


def response_losses(
    config: ModelConfig, prepared: Prepared, data: DataConfig
) -> Callable[[Sequence[Conversation]], list[float]]:
    """A function from rows to nats per token of their last responses; nan for a row that cannot be encoded whole.

    The model is loaded here, once. Plain text is scored whole.
    """
    model = load_model(config)
    last_response = data.model_copy(update={"train_on": "last_assistant", "max_dropped_fraction": 1.0})

    def losses(rows: Sequence[Conversation]) -> list[float]:
        encoded = encode_dataset(rows, prepared, last_response, model_max_length=context_length(config))
        scored = score_rows(model, encoded.rows, pad_token_id=prepared.pad_token_id)
        nats: dict[str, float] = {}
        tokens: dict[str, int] = {}
        for loss in scored:  # a plain text may be several pieces
            nats[loss.id] = nats.get(loss.id, 0.0) + loss.nats
            tokens[loss.id] = tokens.get(loss.id, 0) + loss.tokens
        return [nats[row.id] / tokens[row.id] if tokens.get(row.id) else math.nan for row in rows]

    return losses
