"""LEEP: log expected empirical prediction, from what a source model's own classifier says (Nguyen et al. 2020)."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from fgtl.errors import DataError, InputError, expect_rank

_BLOCK_ROWS = 4096


def leep(probabilities_nz: NDArray[np.float32], labels_n: NDArray[np.int32]) -> float:
    """Mean log likelihood of the labels when each is drawn by way of a source class; at most 0, higher is better.

    LEEP = 1/N sum_i log(sum_z P(y_i | z) theta_i(z)), P(y | z) = sum over i of class y of theta_i(z), divided by the
    sum over all i (Nguyen et al. 2020, eq. 2 and section 3).

    Args:
        probabilities_nz: (N, Z) theta, of the source classes.
        labels_n: (N,) int, target labels.

    Raises:
        InputError, DataError: see `check_probabilities`.

    Memory: C Z numbers and a block of rows in float64.
    """
    check_probabilities(probabilities_nz, labels_n)
    present, own = np.unique(labels_n, return_inverse=True)
    joint = np.zeros((len(present), probabilities_nz.shape[1]))
    for rows in _blocks(len(own)):
        np.add.at(joint, own[rows], probabilities_nz[rows].astype(np.float64))
    of_source = joint.sum(axis=0)
    given = joint / np.where(of_source > 0, of_source, 1.0)
    total = 0.0
    for rows in _blocks(len(own)):
        likely = np.einsum("nz,nz->n", given[own[rows]], probabilities_nz[rows].astype(np.float64))
        total += float(np.log(likely).sum())
    return total / len(own)


def check_probabilities(probabilities_nz: NDArray[np.float32], labels_n: NDArray[np.int32]) -> None:
    """Raise unless each row holds probabilities of Z source classes.

    Raises:
        InputError: the shapes do not fit each other.
        DataError: a row is negative, not finite, or does not sum to 1 within 1e-3; or there is one target class only.
    """
    expect_rank(probabilities_nz, 2, "probabilities", "(N, Z)")
    if labels_n.shape != probabilities_nz.shape[:1]:
        raise InputError(
            f"labels: {labels_n.shape}, probabilities: {probabilities_nz.shape}.", expected="a label a row."
        )
    if len(np.unique(labels_n)) < 2:
        raise DataError(f"The {len(labels_n):,} images are of one class.", expected="two classes or more.")
    for rows in _blocks(len(labels_n)):
        block = probabilities_nz[rows]
        wrong = np.flatnonzero(~((block >= 0).all(axis=1) & (np.abs(block.sum(axis=1, dtype=np.float64) - 1) < 1e-3)))
        if len(wrong):
            row = rows.start + int(wrong[0])
            raise DataError(
                f"Row {row:,} of the probabilities sums to {block[wrong[0]].sum():.4g}, its smallest is "
                f"{block[wrong[0]].min():.4g}.",
                expected="probabilities that sum to 1.",
            )


def _blocks(count: int) -> Iterator[slice]:
    for start in range(0, count, _BLOCK_ROWS):
        yield slice(start, min(start + _BLOCK_ROWS, count))
