"""kNN as DINO evaluates it: cosine neighbours vote with exp(similarity / 0.07)."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from fgtl.errors import InputError
from fgtl.features.topk import top_k

NEIGHBOURS = (10, 20, 100, 200)
TEMPERATURE = 0.07


def usable_neighbours(rows: int, wanted: Sequence[int] = NEIGHBOURS) -> tuple[int, ...]:
    """Those of the wanted k that a database of so many rows has; its size itself where it has none."""
    return tuple(k for k in wanted if k <= rows) or (rows,)


def knn_probabilities(
    queries: NDArray[np.float32],
    database: NDArray[np.float32],
    labels: NDArray[np.integer],
    classes: int,
    neighbours: Sequence[int] = NEIGHBOURS,
    temperature: float = TEMPERATURE,
) -> Iterator[NDArray[np.float32]]:
    """Share of the votes that each class gets, for each k; the neighbours are looked for once.

    A neighbour at cosine s has exp(s / T) votes (Wu et al. 2018, section 3.4; DINO and DINOv2 use T = 0.07).

    Args:
        queries: (Q, D) float32.
        database: (N, D) float32, with `labels` (N,), 0 <= label < K.
        classes: K.
        neighbours: each k, at most N.
        temperature: T > 0.

    Yields:
        (Q, K) float32, rows sum to 1.

    Raises:
        InputError: a k that is not in 1..N, or T not positive.
    """
    if min(neighbours) < 1 or max(neighbours) > len(database) or not temperature > 0:
        raise InputError(
            f"k is {', '.join(map(str, neighbours))} of {len(database):,} rows, T is {temperature}.",
            expected="1 <= k <= N and T > 0.",
        )
    indices, cosines = top_k(queries, database, max(neighbours), metric="cosine")
    # Relative to the nearest: the shares are the same, and no exponential is out of range.
    votes = np.exp((cosines.astype(np.float64) - cosines[:, :1]) / temperature)
    own = labels[indices]
    rows = np.arange(len(queries))[:, None]
    for k in neighbours:
        found = np.zeros((len(queries), classes))
        np.add.at(found, (rows, own[:, :k]), votes[:, :k])
        yield (found / found.sum(axis=1, keepdims=True)).astype(np.float32)
