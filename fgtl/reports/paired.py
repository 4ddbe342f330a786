"""Whether two classifiers differ on the same images: McNemar's test, a paired bootstrap, Welch's test, Holm's correction."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import binomtest, ttest_ind

from fgtl.errors import InputError

RESAMPLES = 10_000


def mcnemar(one: np.ndarray, other: np.ndarray) -> tuple[int, int, float]:
    """Exact two-sided McNemar test.

    Under the null hypothesis an image that only one of the two gets right is as often the one's as the other's, so the
    count is binomial with p = 1/2 (McNemar 1947; the exact form, Dietterich 1998 section 3.1 has the approximation).

    Args:
        one, other: (N,) bool, right or wrong, of the same images in the same order.

    Returns:
        (images that only `one` gets right, that only `other` does, p value; 1 where they never disagree).
    """
    first, second = int(np.sum(one & ~other)), int(np.sum(other & ~one))
    p = float(binomtest(first, first + second).pvalue) if first + second else 1.0
    return first, second, p


def paired_bootstrap(differences: np.ndarray, seed: int, resamples: int = RESAMPLES) -> tuple[float, float]:
    """95 % percentile interval of the mean difference over images drawn with replacement (Efron & Tibshirani 1993, ch. 13).

    Args:
        differences: (N,) float, of each image: what the one scores minus what the other does.
        seed: of the draws.
        resamples: how many.

    Cost: a draw of N images is a multinomial draw of how often each distinct difference comes, so `resamples` times
    the number of distinct values, whatever N is.
    """
    if not len(differences):
        raise InputError("There are no images to compare on.", expected="at least one.")
    values, counts = np.unique(differences, return_counts=True)
    drawn = np.random.default_rng(seed).multinomial(len(differences), counts / len(differences), size=resamples)
    low, high = np.quantile(drawn @ values / len(differences), [0.025, 0.975])
    return float(low), float(high)


def welch(one: Sequence[float], other: Sequence[float]) -> float | None:
    """Two-sided p value of Welch's t-test between the accuracies of several seeds each; None where nothing varies.

    Raises:
        InputError: fewer than two of either.
    """
    if min(len(one), len(other)) < 2:
        raise InputError(f"{len(one)} and {len(other)} values.", expected="at least 2 each.")
    if np.ptp(one) == 0 and np.ptp(other) == 0:
        return None
    return float(ttest_ind(one, other, equal_var=False).pvalue)


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's step-down correction (1979): chance of any false claim at most the level, over all the tests together.

    The k-th smallest of m (k = 1 ... m) becomes the largest of (m - j + 1) p_(j) over j <= k, at most 1.

    Args:
        p_values: None where there was no test; those stay None and do not count.
    """
    tested = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    corrected: list[float | None] = [None] * len(p_values)
    so_far = 0.0
    for rank, (p, place) in enumerate(tested):
        so_far = max(so_far, min(1.0, (len(tested) - rank) * p))
        corrected[place] = so_far
    return corrected
