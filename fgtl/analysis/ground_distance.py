"""Euclidean distances between two sets of points, exact where the points nearly coincide."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fgtl.errors import InputError, expect_rank

# Below this share of |a|^2 + |b|^2 the expanded square has lost too many digits, and the difference itself is taken.
# Above it the relative error of a distance in 2048 dimensions stays under 1e-10.
_CLOSE = 1e-4
# Pairs whose differences are held at a time: 16 MB of 2048 numbers.
_PAIRS = 1024


def distances(one_md: ArrayLike, other_kd: ArrayLike) -> NDArray[np.float64]:
    """d_ij = || a_i - b_j ||_2 of all pairs, in float64.

    |a|^2 + |b|^2 - 2ab is fast and loses digits near zero, so the points are centred first, and close pairs are done
    again by their difference: equal points are exactly 0 apart.

    Args:
        one_md: (m, D) numbers.
        other_kd: (k, D) numbers.

    Returns:
        (m, k) float64.

    Raises:
        InputError: not two matrices of the same width.

    Cost: one (m, D) x (D, k) product. Memory: three times the result (six times,
    where most points coincide), and both inputs in float64.
    """
    one, other = np.asarray(one_md, np.float64), np.asarray(other_kd, np.float64)
    expect_rank(one, 2, "one", "(m, D)")
    expect_rank(other, 2, "other", "(k, D)")
    if one.shape[1] != other.shape[1]:
        raise InputError(f"Points of {one.shape[1]:,} and of {other.shape[1]:,} numbers.", expected="as many in both.")
    centre = other.mean(axis=0)
    a, b = one - centre, other - centre
    sizes = np.einsum("md,md->m", a, a)[:, None] + np.einsum("kd,kd->k", b, b)
    found = a @ b.T
    found *= -2
    found += sizes
    sizes *= _CLOSE
    close = np.argwhere(found <= sizes)
    np.sqrt(found, out=found, where=found > sizes)
    for start in range(0, len(close), _PAIRS):
        i, j = close[start : start + _PAIRS].T
        found[i, j] = np.linalg.norm(one[i] - other[j], axis=1)
    return found
