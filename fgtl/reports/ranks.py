"""At which place of a classifier's list the true class stands. numpy only."""

import numpy as np


def classes_before(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(N,) int: how many classes rank before the true one; of equally probable ones the lowest index ranks first.

    So 0 is a right answer by argmax, and fewer than k is right in the top k.

    Args:
        probabilities: (N, K) float.
        labels: (N,) int.

    Memory: two (N, K) of booleans.
    """
    count, classes = probabilities.shape
    own = probabilities[np.arange(count), labels][:, None]
    before = np.count_nonzero(probabilities > own, axis=1)
    earlier = np.arange(classes)[None, :] < labels[:, None]
    return before + np.count_nonzero((probabilities == own) & earlier, axis=1)
