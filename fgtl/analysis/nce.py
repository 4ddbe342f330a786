"""Negative conditional entropy of the target's labels given the source classifier's answers (Tran et al. 2019)."""

import numpy as np
from numpy.typing import NDArray

from fgtl.analysis.leep import check_probabilities


def nce(probabilities_nz: NDArray[np.float32], labels_n: NDArray[np.int32]) -> float:
    """-H(y | z), z the most probable source class of each image; 0 where it decides the label, otherwise below.

    NCE = sum over y, z of P(y, z) log(P(y, z) / P(z)), natural logarithm (Tran et al. 2019, eq. 8 with labels z that
    the source model gives).

    Args:
        probabilities_nz: (N, Z) of the source classes.
        labels_n: (N,) int, target labels.

    Raises:
        InputError, DataError: see `check_probabilities`.

    Memory: the pairs that occur, at most N.
    """
    check_probabilities(probabilities_nz, labels_n)
    said = probabilities_nz.argmax(axis=1)
    _, own = np.unique(labels_n, return_inverse=True)
    pairs, counts = np.unique(np.stack([said, own], axis=1), axis=0, return_counts=True)
    of_source = np.bincount(said, minlength=probabilities_nz.shape[1])
    return float((counts * np.log(counts / of_source[pairs[:, 0]])).sum() / len(labels_n))
