"""The few rows that cover the many: a quota for each cluster, the better rows of it, spread as far apart as they go."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sftctl.curate.clusters import find_clusters
from sftctl.curate.text_vectors import Vectors, conversation_vectors
from sftctl.data.conversation import Conversation

MAX_CLUSTERS = 200


@dataclass(frozen=True, slots=True)
class Selection:
    """`ids` in the order of the rows; `quotas` and `sizes` by cluster."""

    ids: tuple[str, ...]
    quotas: tuple[int, ...]
    sizes: tuple[int, ...]


def select(
    conversations: Sequence[Conversation], count: int, seed: int, *, quality: Mapping[str, float] | None = None
) -> Selection:
    """`count` rows, or all when there are no more. `quality` is a rank from 0 to 1 by id; without it all are equal.

    Quotas grow with the square root of a cluster's size, so that frequent tasks do not crowd out rare ones,
    and with its mean quality. In a cluster the better half competes, and k-center (Gonzalez, 1985) spreads the choice.
    """
    if count >= len(conversations):
        return Selection(tuple(row.id for row in conversations), (len(conversations),), (len(conversations),))
    vectors_RD = conversation_vectors(conversations)
    quality_R = np.array([1.0 if quality is None else quality.get(row.id, 0.5) for row in conversations])
    clusters = find_clusters(vectors_RD, _cluster_count(len(conversations), count), seed)
    members = [np.flatnonzero(clusters.labels_R == cluster) for cluster in range(len(clusters.centres_KD))]
    members = [rows for rows in members if len(rows)]
    quotas = share_out(
        count, [float(np.sqrt(len(rows)) * (0.5 + quality_R[rows].mean())) for rows in members], list(map(len, members))
    )
    chosen = [
        row for rows, quota in zip(members, quotas, strict=True) for row in spread(vectors_RD, rows, quality_R, quota)
    ]
    return Selection(tuple(conversations[row].id for row in sorted(chosen)), tuple(quotas), tuple(map(len, members)))


def share_out(count: int, weights: Sequence[float], limits: Sequence[int]) -> list[int]:
    """`count` split by weight, never over a limit, by largest remainder; what a full one leaves goes to the others."""
    given = [0] * len(weights)
    while (left := count - sum(given)) > 0:
        open_to = [index for index in range(len(weights)) if given[index] < limits[index]]
        if not open_to:
            break
        total = sum(weights[index] for index in open_to)
        exact = {index: left * weights[index] / total for index in open_to}
        whole = {index: min(int(exact[index]), limits[index] - given[index]) for index in open_to}
        for index, amount in whole.items():
            given[index] += amount
        if not any(whole.values()):
            by_remainder = sorted(open_to, key=lambda index: (-exact[index], index))
            for index in by_remainder[:left]:
                given[index] += 1
    return given


def spread(vectors_RD: Vectors, rows: NDArray[np.int64], quality_R: NDArray[np.float64], quota: int) -> list[int]:
    """`quota` of `rows`: from the better half (or as many as needed), the best first, then always the farthest."""
    if quota <= 0:
        return []
    by_quality = rows[np.lexsort((rows, -quality_R[rows]))]
    competing = by_quality[: max(quota, (len(rows) + 1) // 2)]
    vectors_CD = vectors_RD[competing]
    chosen = [0]
    nearest_C = 1.0 - vectors_CD @ vectors_CD[0]
    while len(chosen) < quota:
        nearest_C[chosen] = -np.inf
        farthest = int(np.argmax(nearest_C))
        chosen.append(farthest)
        nearest_C = np.minimum(nearest_C, 1.0 - vectors_CD @ vectors_CD[farthest])
    return [int(competing[index]) for index in chosen]


def _cluster_count(rows: int, count: int) -> int:
    """As many clusters as rows to choose, at most the root of half of the rows, at most `MAX_CLUSTERS`."""
    return max(1, min(count, int((rows / 2) ** 0.5), MAX_CLUSTERS))
