"""The mean feature of each class: what a domain is made of."""

import numpy as np
from numpy.typing import NDArray

from fgtl.errors import InputError, expect_rank

# Numbers added up together: 32 MB of doubles.
_BLOCK = 1 << 22


def class_means(
    features_nd: NDArray[np.float32], labels_n: NDArray[np.int32]
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]:
    """Mean of the features of each class that has an image.

    Args:
        features_nd: (N, D), a memory map where they are many.
        labels_n: (N,) int.

    Returns:
        means (C, D) float32, added up in float64; counts (C,) int64, images of each class; ids (C,) int64, the labels
        in ascending order.

    Raises:
        InputError: other shapes, or no rows.

    Memory: 16 * C * D bytes and some 64 MB. Cost: one pass.
    """
    expect_rank(features_nd, 2, "features", "(N, D)")
    if labels_n.shape != features_nd.shape[:1] or not len(labels_n):
        raise InputError(f"labels have shape {labels_n.shape}, features {features_nd.shape}.", expected="N >= 1 each.")
    ids, places, counts = np.unique(labels_n, return_inverse=True, return_counts=True)
    sums = np.zeros((len(ids), features_nd.shape[1]), np.float64)
    step = max(1, _BLOCK // max(1, features_nd.shape[1]))
    for start in range(0, len(labels_n), step):
        place = places[start : start + step]
        order = np.argsort(place, kind="stable")
        here, first = np.unique(place[order], return_index=True)
        block = features_nd[start : start + step][order].astype(np.float64)
        sums[here] += np.add.reduceat(block, first, axis=0)
    return (sums / counts[:, None]).astype(np.float32), counts.astype(np.int64), ids.astype(np.int64)
