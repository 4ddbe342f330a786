"""Labels that are probably wrong: images that a classifier, which never saw them, is confident are something else.

Confident learning: Northcutt, Jiang, Chuang, Confident Learning: Estimating Uncertainty in Dataset Labels (JAIR 2021).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fgtl.errors import InputError, expect_rank


@dataclass(frozen=True, eq=False)
class Suspects:
    """Images whose label is doubted, the most doubtful first.

    Attributes:
        rows: (M,) int64, which images.
        given: (M,) int64, the label they have.
        suggested: (M,) int64, the label that the classifier is confident of.
        given_probability, suggested_probability: (M,) float32, what it says of the two.
    """

    rows: NDArray[np.int64]
    given: NDArray[np.int64]
    suggested: NDArray[np.int64]
    given_probability: NDArray[np.float32]
    suggested_probability: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def margins(self) -> NDArray[np.float32]:
        """(M,) how much more probable the suggested label is; descending."""
        return self.suggested_probability - self.given_probability


def class_thresholds(probabilities: NDArray[np.float32], labels: NDArray[np.integer]) -> NDArray[np.float64]:
    """(K,) mean probability of a class over the images that have its label; infinite for a class without images.

    Section 3.1, equation 2: a class is as sure of its own as its images are on average, so that classes which are hard
    to tell do not lose all their images to easy ones.
    """
    own = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    counts = np.bincount(labels, minlength=probabilities.shape[1])
    sums = np.bincount(labels, own, minlength=probabilities.shape[1])
    return np.divide(sums, counts, out=np.full(len(counts), np.inf), where=counts > 0)


def find_label_errors(probabilities: NDArray[np.float32], labels: NDArray[np.integer]) -> Suspects:
    """The images off the diagonal of the confident joint, ranked by margin.

    An image counts for the class that it is most probable in, among those where its probability reaches the class's
    threshold (equation 1); it is suspect when that is not its label.

    Args:
        probabilities: (N, K) float32 of a classifier that was not trained on the image (out of fold).
        labels: (N,) int, 0 to K - 1.

    Raises:
        InputError: shapes that do not fit, labels out of range, or values that are no probabilities.

    Memory: a few arrays of (N, K).
    """
    expect_rank(probabilities, 2, "probabilities", "(N, K)")
    count, classes = probabilities.shape
    if labels.shape != (count,) or not count or labels.min() < 0 or labels.max() >= classes:
        raise InputError(
            f"labels have shape {labels.shape}, probabilities {probabilities.shape}.",
            expected="a label from 0 to K - 1 for each row, and at least one row.",
        )
    if not (probabilities >= 0).all() or not np.allclose(probabilities.sum(axis=1), 1, atol=1e-3):
        raise InputError("Some rows of probabilities do not sum to 1.", expected="probabilities.")
    confident = probabilities >= class_thresholds(probabilities, labels)
    among = np.where(confident, probabilities, -1)
    suggested = among.argmax(axis=1)
    rows = np.flatnonzero(confident.any(axis=1) & (suggested != labels))
    given, other = labels[rows].astype(np.int64), suggested[rows].astype(np.int64)
    found = Suspects(rows, given, other, probabilities[rows, given], probabilities[rows, other])
    order = np.argsort(-found.margins, kind="stable")
    return Suspects(*(getattr(found, name)[order] for name in Suspects.__dataclass_fields__))
