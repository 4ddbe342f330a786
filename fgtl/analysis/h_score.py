"""H-score: how much of the features' spread lies between the classes, each direction measured by its own spread.

Plain as in Bao et al. 2019, and with a shrunk covariance as in Ibrahim et al. 2021. The plain one of N <= D rows is near
C - 1 for any features, because then the classes can always be told apart; shrinkage mends that.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from fgtl.analysis.moments import Moments, moments_of, spectrum_of


def h_score(features_nd: NDArray[np.float32], labels_n: NDArray[np.int32], *, shrunk: bool = True) -> float:
    """H-score of labelled features; higher is better, at most C - 1. Raises, cost and memory: see `moments_of`."""
    moments = moments_of(features_nd, labels_n)
    return shrunk_h_score_of(moments) if shrunk else plain_h_score_of(moments)


def plain_h_score_of(moments: Moments) -> float:
    """tr(cov(f)^+ cov(E[f|y])) (Bao et al. 2019, definition 2), with the pseudo-inverse where directions are constant.

    Cost: one eigendecomposition of a (D, D) matrix. Memory: 2 D^2 + C D.
    """
    # The mean takes one direction of N rows.
    eigenvalues, directions = spectrum_of(moments.scatter, moments.count - 1)
    along = (moments.class_means - moments.mean) @ directions
    return float((moments.class_counts[:, None] * along**2 / eigenvalues).sum())


def shrunk_h_score_of(moments: Moments) -> float:
    """tr(S^-1 (1 - a) cov(E[f|y])), S = (1 - a) cov(f) + a tr(cov(f)) / D (Ibrahim et al. 2021, section 4).

    a is the shrinkage of Ledoit and Wolf (2004).

    Cost: one Cholesky decomposition of a (D, D) matrix. Memory: 2 D^2 + 2 C D.
    """
    amount = ledoit_wolf_shrinkage(moments)
    if amount == 0:
        return plain_h_score_of(moments)
    covariance = moments.scatter * ((1 - amount) / moments.count)
    covariance.flat[:: len(covariance) + 1] += amount * _mean_variance(moments)
    between = moments.class_means - moments.mean
    shares = moments.class_counts / moments.count
    solved = cho_solve(cho_factor(covariance, lower=True, overwrite_a=True), between.T)
    return float((1 - amount) * (shares * np.einsum("cd,dc->c", between, solved)).sum())


def ledoit_wolf_shrinkage(moments: Moments) -> float:
    """The share, 0 to 1, of the scaled identity that makes the expected error of the covariance smallest.

    min(b, d) / d with d = |S - mu I|^2, b = (sum |x|^4 / N - |S|^2) / N and S = cov(f), mu = tr(S) / D, Frobenius norms
    (Ledoit & Wolf 2004, section 3.2; they divide each by D, which cancels).
    """
    dim = len(moments.mean)
    squared = float((moments.scatter**2).sum()) / moments.count**2
    scale = _mean_variance(moments)
    distance = squared - dim * scale**2
    noise = (moments.fourth / moments.count - squared) / moments.count
    return float(min(max(noise, 0.0), distance) / distance) if distance > 0 else 1.0


def _mean_variance(moments: Moments) -> float:
    return float(np.trace(moments.scatter)) / (moments.count * len(moments.mean))
