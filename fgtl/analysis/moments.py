"""First and second moments of labelled features, gathered in blocks: all that LogME and H-score look at."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from fgtl.errors import DataError, InputError, expect_rank

# Numbers of a block in float64: 32 MB.
_BLOCK = 1 << 22


@dataclass(frozen=True, eq=False)
class Moments:
    """Moments of N rows of C classes, in float64.

    Attributes:
        count: N.
        mean: (D,).
        scatter: (D, D), the sum of (x - mean)(x - mean)^T over the rows; not divided by N.
        fourth: the sum of |x - mean|^4 over the rows.
        class_counts: (C,) rows of each class that has some, smaller labels first.
        class_means: (C, D).
    """

    count: int
    mean: NDArray[np.float64]
    scatter: NDArray[np.float64]
    fourth: float
    class_counts: NDArray[np.int64]
    class_means: NDArray[np.float64]


def moments_of(features_nd: NDArray[np.float32], labels_n: NDArray[np.int32]) -> Moments:
    """Gather the moments in two passes; the second is about the mean, so that large constants cost no digits.

    Args:
        features_nd: (N, D) float, such as a memory map.
        labels_n: (N,) int.

    Raises:
        InputError: the shapes do not fit each other.
        DataError: fewer than two classes, rows that are all the same, or a number that is not finite.

    Cost: N D^2 multiplications. Memory: 2 (D^2 + C D) numbers and a block of rows in float64.
    """
    expect_rank(features_nd, 2, "features", "(N, D)")
    if labels_n.shape != features_nd.shape[:1]:
        raise InputError(
            f"labels have shape {labels_n.shape}, features {features_nd.shape}.", expected="a label a row."
        )
    present, own, counts = np.unique(labels_n, return_inverse=True, return_counts=True)
    if len(present) < 2:
        raise DataError(f"The {len(labels_n):,} images are of {len(present)} class.", expected="two classes or more.")
    count, dim = features_nd.shape
    sums = np.zeros((len(present), dim))
    for rows in _blocks(count, dim):
        block = features_nd[rows].astype(np.float64)
        index = own[rows]
        belongs = csr_array((np.ones(len(index)), (index, np.arange(len(index)))), shape=(len(present), len(index)))
        sums += belongs @ block
    mean = sums.sum(axis=0) / count
    if not np.isfinite(mean).all():
        raise DataError("Some features are not finite.", expected="numbers.", fix="Extract them again.")
    scatter, fourth = np.zeros((dim, dim)), 0.0
    for rows in _blocks(count, dim):
        block = features_nd[rows] - mean
        scatter += block.T @ block
        fourth += float((np.einsum("nd,nd->n", block, block) ** 2).sum())
    if not np.trace(scatter) > 0:
        raise DataError(f"All {count:,} rows of features are the same.", fix="Check the extractor.")
    return Moments(count, mean, scatter, fourth, counts, sums / counts[:, None])


def spectrum_of(square_dd: NDArray[np.float64], rank: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The eigenvalues of a sum of squares that are not rounding, and their directions.

    Args:
        square_dd: (D, D), sum of x x^T over rows.
        rank: it has at most so many positive eigenvalues.

    Returns:
        (R,) positive eigenvalues, smaller first; (D, R) directions, orthonormal.
    """
    eigenvalues, directions = np.linalg.eigh(square_dd)
    # Rows were float32 and are squared in float64: this floor is below what their own rounding makes.
    floor = eigenvalues[-1] * np.finfo(np.float64).eps * max(len(eigenvalues), rank)
    first = max(int(np.searchsorted(eigenvalues, floor, side="right")), len(eigenvalues) - rank)
    return eigenvalues[first:], directions[:, first:]


def _blocks(count: int, dim: int) -> list[slice]:
    size = max(1, _BLOCK // max(dim, 1))
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]
