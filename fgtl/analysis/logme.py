"""LogME: the log maximum evidence of a Bayesian linear model from features to labels (You et al. 2021).

Each class is regressed one against all others: y = F w + noise, w ~ N(0, 1 / alpha), noise ~ N(0, 1 / beta). The score
is the logarithm of p(y | F, alpha, beta) at the alpha and beta that make it largest, a row and a class. Nothing is
fitted to a validation set, and a high score is not had by overfitting: the evidence integrates over all w.
"""

import numpy as np
from numpy.typing import NDArray

from fgtl.analysis.moments import Moments, moments_of, spectrum_of

# Starts of the fixed point: the evidence may have more than one maximum in alpha / beta.
_STARTS = 25
_SPAN = 1e12
_ITERATIONS = 300
_TOLERANCE = 1e-7


def logme(features_nd: NDArray[np.float32], labels_n: NDArray[np.int32]) -> float:
    """LogME of labelled features; higher is better. Raises, cost and memory: see `moments_of` and `logme_of`."""
    return logme_of(moments_of(features_nd, labels_n))


def logme_of(moments: Moments) -> float:
    """LogME from the moments: mean over classes of the largest log evidence, divided by N.

    L(alpha, beta) = N/2 log(beta / 2 pi) + D/2 log alpha - 1/2 log|A| - beta/2 |F m - y|^2 - alpha/2 |m|^2 with
    A = alpha + beta F^T F and m = beta A^-1 F^T y (You et al. 2021, eq. 2). With the eigenvalues s of F^T F and the
    energy h of y along each direction, all of it is sums over D numbers a class, so one decomposition serves all
    classes and iterations. The fixed point gamma = sum s / (t + s), alpha = gamma / |m|^2, beta = (N - gamma) / |F m - y|^2
    (their algorithm 1) is run in t = alpha / beta until it stands still.

    Cost: one eigendecomposition of a (D, D) matrix, and some C D operations an iteration. Memory: 3 D^2 + 4 C D.
    """
    gram = moments.scatter + moments.count * np.outer(moments.mean, moments.mean)
    eigenvalues, directions = spectrum_of(gram, moments.count)
    spectrum = eigenvalues[:, None]
    sums = moments.class_means * moments.class_counts[:, None]
    energy = (directions.T @ sums.T) ** 2 / spectrum
    total = moments.class_counts.astype(np.float64)
    evidence = _Evidence(spectrum, energy, np.maximum(total - energy.sum(axis=0), 0.0), moments.count)
    return float(evidence.largest().mean() / moments.count)


class _Evidence:
    """The log evidence of C regressions as a function of t = alpha / beta, each at its best beta.

    Args:
        spectrum_r1: (R, 1) positive eigenvalues of F^T F.
        energy_rc: (R, C) squared length of y along each left singular vector of F.
        outside_c: (C,) squared length of y outside the span of F.
        count: N.
    """

    def __init__(
        self,
        spectrum_r1: NDArray[np.float64],
        energy_rc: NDArray[np.float64],
        outside_c: NDArray[np.float64],
        count: int,
    ) -> None:
        self._spectrum, self._energy, self._outside, self._count = spectrum_r1, energy_rc, outside_c, count
        self._low, self._high = spectrum_r1.min() / _SPAN, spectrum_r1.max() * _SPAN

    def largest(self) -> NDArray[np.float64]:
        """(C,) the largest log evidence of each class."""
        starts = np.geomspace(self._spectrum.min() * 1e-3, self._spectrum.max() * 1e3, _STARTS)
        classes = self._energy.shape[1]
        values = np.stack([self.at(np.full(classes, start)) for start in starts])
        ratio = starts[values.argmax(axis=0)]
        for _ in range(_ITERATIONS):
            moved = np.clip(self._next(ratio), self._low, self._high)
            still = np.abs(moved - ratio) <= _TOLERANCE * ratio
            ratio = moved
            if still.all():
                break
        return np.maximum(values.max(axis=0), self.at(ratio))

    def at(self, ratio_c: NDArray[np.float64]) -> NDArray[np.float64]:
        """(C,) log evidence at t; beta = N / (|F m - y|^2 + t |m|^2) is where its derivative is zero."""
        share = ratio_c / (ratio_c + self._spectrum)
        beta = self._count / (self._outside + (self._energy * share).sum(axis=0))
        return (self._count * (np.log(beta / (2 * np.pi)) - 1) + np.log(share).sum(axis=0)) / 2

    def _next(self, ratio_c: NDArray[np.float64]) -> NDArray[np.float64]:
        """(C,) t after one step of the fixed point."""
        inverse = 1 / (ratio_c + self._spectrum)
        share = self._spectrum * inverse
        gamma = share.sum(axis=0)
        weights_squared = (self._energy * share * inverse).sum(axis=0)
        residual = self._outside + ratio_c**2 * (self._energy * inverse**2).sum(axis=0)
        # N - gamma, without the cancellation where the features can fit any labels (N <= D) and t is small.
        free = (self._count - len(self._spectrum)) + (ratio_c * inverse).sum(axis=0)
        tiny = np.finfo(np.float64).tiny
        return gamma * residual / np.maximum(weights_squared * free, tiny)
