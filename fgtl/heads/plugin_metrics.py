"""What the surest heads of an image say together, and the least sure ones: figures of a head that is several. numpy only.

The published evaluation calls the means of the k heads that are LEAST sure of an image "highest-k"; only with all heads is
it what it says. Here both orders have names of their own.
"""

from collections.abc import Iterable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]
# Metric -> (how many were right, of how many).
Hits = dict[str, tuple[int, int]]


def by_confidence(probabilities: Array, first: Literal["most", "least"] = "most") -> Array:
    """(N, H, K) probabilities of H heads -> (N, H, K): the means of the first 1, 2, ... H heads of each image.

    Heads are ordered by the probability of their most probable class, equal ones as they come: `first` "most" begins
    with the surest, "least" with the least sure (the published order). The last of the H is the mean of all heads.
    """
    peaks = probabilities.max(axis=-1)
    order = np.argsort(peaks if first == "least" else -peaks, axis=1, kind="stable")
    ordered = np.take_along_axis(probabilities, order[..., None], axis=1)
    return np.cumsum(ordered, axis=1) / np.arange(1, ordered.shape[1] + 1)[:, None]


def confidence_hits(probabilities: Array, labels: NDArray[np.integer]) -> Hits:
    """Right answers of `by_confidence`: "most_confident_1" ... "most_confident_H", and "least_confident_1" ..."""
    hits: Hits = {}
    orders: tuple[Literal["most", "least"], ...] = ("most", "least")
    for first in orders:
        right = by_confidence(probabilities, first).argmax(-1) == labels[:, None]
        hits |= {f"{first}_confident_{k}": (int(column.sum()), len(labels)) for k, column in enumerate(right.T, 1)}
    return hits


def percentages(batches: Iterable[Hits]) -> dict[str, float]:
    """Percent of all batches together, by metric, to three decimals."""
    totals: Hits = {}
    for hits in batches:
        for name, (right, count) in hits.items():
            before = totals.get(name, (0, 0))
            totals[name] = (before[0] + right, before[1] + count)
    return {name: round(100 * right / count, 3) for name, (right, count) in totals.items()}
