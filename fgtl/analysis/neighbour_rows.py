"""Neighbours that were found -> rows of photographs, with what is written on them."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fgtl.features.exact_scores import Metric
from fgtl.features.feature_set import Features
from fgtl.reports.photo_rows import Row, Shown

NEAR: dict[Metric, str] = {
    "cosine": "cosine distance",
    "euclidean": "Euclidean distance",
    "dot": "inner product, the larger the nearer",
}


def neighbour_rows(
    queries: Features,
    database: Features,
    found: tuple[NDArray[np.int64], NDArray[np.float32]],
    images: Mapping[str, bytes],
    metric: Metric = "cosine",
) -> list[Row]:
    """A row for each query: its photograph and those of its neighbours, to be drawn by `fgtl.reports.neighbour_pictures`.

    Args:
        queries: Q images. One with the label -1 is a file: nobody knows its class, and its id is its path.
        database: where neighbours were looked for, with the same classes.
        found: (Q, k) rows of `database` and (Q, k) scores, nearest first, as `top_k` gives them.
        images: id -> image file, as `stored_images` gives them; one that is missing is an empty frame.
        metric: of the scores.
    """
    names = database.class_names
    rows = []
    for id, label, near, scores in zip(queries.ids.tolist(), queries.labels.tolist(), *found, strict=True):
        # Of a file its name: the folders of a path leave no room for it.
        note = id if label >= 0 else Path(id).name
        shown = []
        for row, score in zip(near.tolist(), scores.tolist(), strict=True):
            own, other = int(database.labels[row]), str(database.ids[row])
            right = own == label if label >= 0 else None
            shown.append(Shown(images.get(other, b""), names[own], other, described(score, metric), right))
        rows.append(Row(Shown(images.get(id, b""), names[label] if label >= 0 else "", note), tuple(shown)))
    return rows


def described(score: float, metric: Metric) -> str:
    """A score, for people."""
    if metric == "cosine":
        # The cosine distance: 0 is the same direction, 1 a right angle, 2 the opposite one.
        return f"distance {max(0.0, 1 - score):.3f}"
    return f"{'product' if metric == 'dot' else 'distance'} {score:.4g}"
