"""Scores of given pairs of rows in double precision: what the order of neighbours is decided by."""

from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

Metric = Literal["cosine", "euclidean", "dot"]
METRICS = get_args(Metric)

# Numbers of one array looked at together: 8 MB of float64.
_NUMBERS = 1 << 20


def exact_scores(
    queries: NDArray[Any], database: NDArray[Any], pairs: tuple[NDArray[np.int64], NDArray[np.int64]], metric: Metric
) -> NDArray[np.float32]:
    """What each pair (query, row of the database) scores, summed in float64 and rounded once.

    A pair's score depends on its two rows alone, so that equal rows score exactly the same, and a point is at
    distance 0 from itself.

    Args:
        queries: (Q, D).
        database: (N, D).
        pairs: P positions in `queries`, and P in `database`.
        metric: "cosine" (0 where a row is all zeros), "dot", or "euclidean", which is a distance.

    Returns:
        (P,) float32.

    Memory: some blocks of 8 MB.
    """
    scores = np.empty(len(pairs[0]), np.float32)
    step = max(1, _NUMBERS // queries.shape[1])
    for start in range(0, len(scores), step):
        part = slice(start, start + step)
        own, other = queries[pairs[0][part]].astype(np.float64), database[pairs[1][part]].astype(np.float64)
        scores[part] = _score(own, other, metric)
    return scores


def norms_of(rows: NDArray[Any]) -> NDArray[np.float64]:
    """(N,) Euclidean length of each row of (N, D), summed in float64 without a copy of the rows."""
    squares: NDArray[np.float64] = np.einsum("nd,nd->n", rows, rows, dtype=np.float64, casting="same_kind")
    return np.sqrt(squares)


def _score(own: NDArray[np.float64], other: NDArray[np.float64], metric: Metric) -> NDArray[np.float64]:
    if metric == "euclidean":
        own -= other
        own *= own
        return np.sqrt(own.sum(axis=1))
    products = (own * other).sum(axis=1)
    if metric == "dot":
        return products
    own *= own
    other *= other
    lengths = np.sqrt(own.sum(axis=1)) * np.sqrt(other.sum(axis=1))
    return np.clip(np.divide(products, lengths, out=np.zeros_like(products), where=lengths > 0), -1, 1)
