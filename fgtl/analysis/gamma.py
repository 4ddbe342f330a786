"""Distance -> similarity: exp(-gamma EMD), and which gamma makes the similarities of a table differ most."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fgtl.errors import InputError

# Cui et al. 2018, section 4.1; their distances were 38 to 65.
PAPER_GAMMA = 0.01


def similarity_of(emd: ArrayLike, gamma: float) -> NDArray[np.float64]:
    """exp(-gamma EMD), elementwise: 1 for equal domains, towards 0 for distant ones (Cui et al. 2018, equation 5).

    Distances are measured in an extractor's features: only similarities of one extractor, with one gamma, can be
    compared. `emd` sees no more than the features' dimensions; `check_comparable` tells feature sets of different
    extractors.

    Args:
        emd: distances, each between domains whose features the same extractor made.
        gamma: above 0.

    Returns:
        float64, of the shape of `emd`.
    """
    return np.exp(-gamma * np.asarray(emd, np.float64))


def spreading_gamma(emds: Sequence[float]) -> float:
    """The gamma at which the similarities of the smallest and the largest EMD are furthest apart.

    exp(-gamma a) - exp(-gamma b) is largest at gamma = ln(b / a) / (b - a), which is 1 / a when b = a. Distances of 0
    have similarity 1 at every gamma and are left out.

    Raises:
        InputError: no distance, or one that is negative or not finite.
    """
    values = np.asarray(emds, np.float64)
    if not len(values) or not np.isfinite(values).all() or (values < 0).any():
        raise InputError(f"EMDs {values.tolist()}.", expected="at least one, each a finite number of 0 or more.")
    values = values[values > 0]
    if not len(values):
        return PAPER_GAMMA
    near, far = float(values.min()), float(values.max())
    excess = (far - near) / near
    # ln(1 + x) / x tends to 1.
    return (np.log1p(excess) / excess if excess > 1e-12 else 1.0) / near


def parse_gamma(word: str) -> float | None:
    """ "auto" -> None, a positive number -> itself.

    Raises:
        InputError: anything else.
    """
    if word == "auto":
        return None
    try:
        value = float(word)
    except ValueError:
        value = 0.0
    if not (value > 0 and np.isfinite(value)):
        raise InputError(f"--gamma={word} is no gamma.", expected="a positive number, or auto.")
    return value
