"""Muon for the tiny model: half the steps of AdamW to the same loss, and torch's own is slow on a CPU (bfloat16).

Jordan et al. (2024), with the update scaled to the size of AdamW's as in Liu et al. (2025).
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch

# N matrices of one shape, R rows, C columns
MOMENTUM = 0.95
ADAMW_UPDATE_SIZE = 0.2
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
NEWTON_SCHULZ_STEPS = 5


@dataclass(frozen=True, slots=True)
class Slot:
    """A weight matrix and its momentum."""

    weight: torch.Tensor
    momentum: torch.Tensor


class Muon:
    """Updates weight matrices by their orthogonalised momentum; matrices of one shape together."""

    def __init__(self, weights: Iterable[torch.Tensor], weight_decay: float) -> None:
        self.weight_decay = weight_decay
        self.by_shape: dict[torch.Size, list[Slot]] = {}
        for weight in weights:
            self.by_shape.setdefault(weight.shape, []).append(Slot(weight, torch.zeros_like(weight)))

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        """One update from the gradients; they are not cleared."""
        for shape, slots in self.by_shape.items():
            updates_NRC = orthogonal(torch.stack([self._direction(slot) for slot in slots]))
            scale = learning_rate * ADAMW_UPDATE_SIZE * max(shape) ** 0.5
            for slot, update_RC in zip(slots, updates_NRC, strict=True):
                slot.weight.mul_(1 - learning_rate * self.weight_decay).add_(update_RC, alpha=-scale)

    def _direction(self, slot: Slot) -> torch.Tensor:
        """Nesterov's: the gradient, and the momentum that it has just changed."""
        gradient = slot.weight.grad
        if gradient is None:
            raise ValueError("a weight has no gradient: call backward first")
        slot.momentum.mul_(MOMENTUM).add_(gradient)
        return gradient + MOMENTUM * slot.momentum


def orthogonal(matrices_NRC: torch.Tensor) -> torch.Tensor:
    """Each matrix with its singular values brought near 1."""
    if matrices_NRC.shape[1] > matrices_NRC.shape[2]:
        return orthogonal(matrices_NRC.mT).mT
    a, b, c = NEWTON_SCHULZ
    result_NRC: torch.Tensor = matrices_NRC / (matrices_NRC.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(NEWTON_SCHULZ_STEPS):
        gram_NRR = result_NRC @ result_NRC.mT
        result_NRC = a * result_NRC + (b * gram_NRR + c * gram_NRR @ gram_NRR) @ result_NRC
    return result_NRC
