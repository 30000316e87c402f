"""k-means in numpy: rows by what they are about. The same rows in the same order give the same clusters."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sftctl.curate.text_vectors import Vectors

# R rows, D dimensions, K clusters


@dataclass(frozen=True, slots=True)
class Clusters:
    """`labels_R` says which of the K centres each row is nearest to."""

    labels_R: NDArray[np.int64]
    centres_KD: Vectors


def find_clusters(vectors_RD: Vectors, count: int, seed: int, *, rounds: int = 12) -> Clusters:
    """Spherical k-means (Dhillon and Modha, 2001) from k-means++ seeds (Arthur and Vassilvitskii, 2007)."""
    count = max(1, min(count, len(vectors_RD)))
    generator = np.random.default_rng(seed)
    centres_KD = _spread_seeds(vectors_RD, count, generator)
    labels_R = nearest_centres(vectors_RD, centres_KD)
    for _ in range(rounds):
        centres_KD = _means(vectors_RD, labels_R, centres_KD)
        moved_R = nearest_centres(vectors_RD, centres_KD)
        if np.array_equal(moved_R, labels_R):
            break
        labels_R = moved_R
    return Clusters(labels_R, centres_KD)


def nearest_centres(vectors_RD: Vectors, centres_KD: Vectors) -> NDArray[np.int64]:
    """For each row the most similar centre; the first of equals."""
    labels_R: NDArray[np.int64] = np.argmax(vectors_RD @ centres_KD.T, axis=1).astype(np.int64)
    return labels_R


def _spread_seeds(vectors_RD: Vectors, count: int, generator: np.random.Generator) -> Vectors:
    chosen = [int(generator.integers(len(vectors_RD)))]
    distances_R = 1.0 - vectors_RD @ vectors_RD[chosen[0]]
    for _ in range(count - 1):
        weights_R = np.clip(distances_R, 0, None).astype(np.float64)
        total = weights_R.sum()
        if total <= 1e-9:
            break
        pick = int(generator.choice(len(vectors_RD), p=weights_R / total))
        chosen.append(pick)
        distances_R = np.minimum(distances_R, 1.0 - vectors_RD @ vectors_RD[pick])
    return vectors_RD[chosen].copy()


def _means(vectors_RD: Vectors, labels_R: NDArray[np.int64], centres_KD: Vectors) -> Vectors:
    sums_KD = np.zeros_like(centres_KD)
    np.add.at(sums_KD, labels_R, vectors_RD)
    lengths_K1 = np.linalg.norm(sums_KD, axis=1, keepdims=True)
    return np.where(lengths_K1 > 0, sums_KD / np.maximum(lengths_K1, 1e-12), centres_KD).astype(np.float32)
