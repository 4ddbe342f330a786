"""A long tail made from even classes, so that what helps against one can be tried on any data set."""

import numpy as np
from numpy.typing import NDArray

from fgtl.data.selection import Selection
from fgtl.data.splits import hash_order, ranks_in_class


def long_tail(selection: Selection, imbalance: float, seed: int) -> Selection:
    """Thin the classes out to an exponential profile.

        n(r) = n_max * imbalance^(-r / (K - 1)),   r = 0 ... K - 1        (Cao et al. 2019, section 4.1, "long-tailed")

    n_max is the size of the largest class, K the number of classes with images, r the place of a class in an order
    drawn by the seed. A class keeps round(n(r)) images but at least one, and all of them where it has fewer. Which
    ones depends on (seed, id) only, so that a milder imbalance keeps all that a stronger one keeps.

    Args:
        imbalance: n_max / n_min, at least 1; at 1 no class loses an image.
        seed: of the order of the classes and of the images that stay.

    Returns:
        The images that stay, in the order of `selection`.
    """
    labels, sizes = np.unique(selection.labels, return_counts=True)
    wanted = profile(int(sizes.max()), len(sizes), imbalance)
    names = [selection.records.class_names[label] for label in labels]
    kept = np.empty(len(labels), np.int64)
    kept[hash_order(seed, "long tail, classes", names)] = wanted
    ranks, classes = ranks_in_class(selection, seed, "long tail, images")
    return selection.take(np.flatnonzero(ranks < kept[classes]))


def profile(largest: int, classes: int, imbalance: float) -> NDArray[np.int64]:
    """(K,) images of each class, falling from `largest` to largest / imbalance, at least one."""
    places = np.arange(classes) / max(classes - 1, 1)
    return np.maximum(np.rint(largest * float(imbalance) ** -places).astype(np.int64), 1)
