"""Which image stands for a class."""

import numpy as np

from fgtl.errors import InputError
from fgtl.features.feature_set import Features


def typical_row(features: Features, label: int) -> int:
    """The row of the image nearest to the mean of its class, the first of several.

    Raises:
        InputError: the class has no image.
    """
    rows = np.flatnonzero(features.labels == label)
    if not len(rows):
        raise InputError(f"The class {label} has no image.", expected="a class that has one.")
    own = np.asarray(features.features[rows], np.float64)
    off = own - own.mean(axis=0)
    return int(rows[np.einsum("nd,nd->n", off, off).argmin()])
