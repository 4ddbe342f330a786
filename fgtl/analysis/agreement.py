"""How far a score's order of candidates agrees with that of their measured accuracies: weighted Kendall tau."""

import itertools
import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from fgtl.errors import InputError
from fgtl.reports.rank_table import Agreement

# Below this an interval over candidates would be made of a handful of different resamples.
FEWEST_FOR_INTERVAL = 8
_RESAMPLES = 1000
_ORDERS = 2000


def agreement(scores: Sequence[float | None], accuracies: Sequence[float | None], seed: int = 0) -> Agreement:
    """Weighted Kendall tau of score and accuracy (Vigna 2015): pairs near the top count more.

    As studies of transferability report it and as `scipy.stats.weightedtau` has it by default; see `weighted_tau`.

    Args:
        scores: of each candidate, more is better; None where there is none.
        accuracies: of the same candidates; None where it was not measured.
        seed: of the resamples and of the random orders.

    Returns:
        tau, None of fewer than 2 candidates, or where all scores or all accuracies are equal; its 95 % percentile
        interval over candidates drawn with replacement, from 8 candidates on, none of a perfect order; p, the share of
        orders (all of up to 6 candidates, otherwise 2,000 at random) that agree as well or better, from 3 on.

    Raises:
        InputError: lists of different lengths.
    """
    if len(scores) != len(accuracies):
        raise InputError(f"{len(scores)} scores, {len(accuracies)} accuracies.", expected="as many of each.")
    pairs = [(x, y) for x, y in zip(scores, accuracies, strict=True) if x is not None and y is not None]
    both = np.array(pairs, np.float64).reshape(-1, 2)
    count = len(both)
    if count < 2 or (np.ptp(both, axis=0) == 0).any():
        return Agreement(None, None, None, None, count)
    x, y = both.T
    tau = weighted_tau(x, y)
    generator = np.random.default_rng(seed)
    p = None
    if count > 2:
        orders = np.array([weighted_tau(x[order], y) for order in _orders(count, generator)])
        p = float(np.mean(orders >= tau - 1e-12))
    bounds = _interval(x, y, generator) if count >= FEWEST_FOR_INTERVAL else None
    # Of a perfect order every resample is one too: that is no certainty.
    low, high = bounds if bounds and bounds[0] < bounds[1] else (None, None)
    return Agreement(tau, low, high, p, count)


def weighted_tau(x_n: NDArray[np.float64], y_n: NDArray[np.float64]) -> float:
    """Kendall tau where a pair weighs 1 / rank of the one + 1 / rank of the other (Vigna 2015), ties taken into account.

    Mean of two: with the ranks by x, ties by y, and with the ranks by y, ties by x; the largest has rank 1. SciPy's
    takes milliseconds a call, most of them for its options, and an interval needs thousands.

    Args:
        x_n, y_n: (N,) with at least two different values each.

    Memory: N^2, of N candidates.
    """
    signs_x = np.sign(x_n[:, None] - x_n)
    signs_y = np.sign(y_n[:, None] - y_n)
    values = []
    for first, then in ((x_n, y_n), (y_n, x_n)):
        weights = np.empty(len(x_n))
        weights[np.lexsort((then, first))[::-1]] = 1 / np.arange(1, len(x_n) + 1)
        pairs = weights[:, None] + weights
        norms = (signs_x**2 * pairs).sum() * (signs_y**2 * pairs).sum()
        values.append(float((signs_x * signs_y * pairs).sum() / np.sqrt(norms)))
    return sum(values) / 2


def _orders(count: int, generator: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    if math.factorial(count) <= _ORDERS:
        yield from (np.array(order) for order in itertools.permutations(range(count)))
        return
    # The order as it is counts as one of them, so that the share is never 0.
    yield np.arange(count)
    for _ in range(_ORDERS - 1):
        yield generator.permutation(count)


def _interval(x: NDArray[np.float64], y: NDArray[np.float64], generator: np.random.Generator) -> tuple[float, float]:
    found = []
    for _ in range(_RESAMPLES):
        rows = generator.integers(0, len(x), len(x))
        if np.ptp(x[rows]) and np.ptp(y[rows]):
            found.append(weighted_tau(x[rows], y[rows]))
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)
