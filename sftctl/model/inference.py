"""A model at rest for as long as it is asked: eval mode, no gradients, and afterwards as it was."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def inference(model: Any) -> Iterator[None]:
    """Dropout off and no gradients within the block; the former mode after it, also when the block raises.

    no_grad and not inference_mode: a buffer that a forward pass caches must stay usable in training.
    """
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        model.train(training)
