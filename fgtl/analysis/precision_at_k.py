"""How often a photograph's nearest neighbours are of its class: precision at k of a whole split."""

import numpy as np
from numpy.typing import NDArray

from fgtl.errors import InputError
from fgtl.features.exact_scores import Metric
from fgtl.features.feature_set import Features
from fgtl.features.topk import top_k


def precision_at_k(
    queries: Features, database: Features, ks: tuple[int, ...], metric: Metric = "cosine"
) -> dict[int, float]:
    """Mean over the queries of the share of their k nearest rows that have their label, for each k.

    A query that is itself in the database (by its id) is not its own neighbour: with the same rows twice this is
    leave-one-out.

    Raises:
        InputError: the sets have different classes, or a k has not so many rows.

    Memory: see `top_k`; (Q, k) more.
    """
    if queries.class_names != database.class_names:
        raise InputError("Queries and database have different classes.", expected="the same, in the same order.")
    indices, _ = top_k(queries.features, database.features, max(ks), metric, exclude_self=own_rows(queries, database))
    right = database.labels[indices] == queries.labels[:, None]
    return {k: float(right[:, :k].mean()) for k in ks}


def own_rows(queries: Features, database: Features) -> NDArray[np.int64]:
    """(Q,) the row of the database that has the query's id; -1 where none has."""
    order = np.argsort(database.ids)
    places = np.searchsorted(database.ids, queries.ids, sorter=order).clip(max=len(database) - 1)
    rows = order[places]
    return np.where(database.ids[rows] == queries.ids, rows, -1).astype(np.int64)
