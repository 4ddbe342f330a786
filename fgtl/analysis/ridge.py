"""Ridge regression on class indicators in closed form: one eigen-decomposition for any number of penalties."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

# Penalties as shares of the mean eigenvalue of the features' scatter, so that their scale does not matter.
PENALTIES = tuple(float(2.0**power) for power in range(-20, 13, 2))


class RidgePath:
    """Least squares of x W + b to 1 for the own class and -1 for the others, plus penalty |W|^2.

    The decomposition is of the smaller of X'X and XX', in float64, after centring, which is what an intercept without a
    penalty amounts to. Source: the closed form of the few-shot evaluation in big_vision; Hastie et al., The Elements of
    Statistical Learning, section 3.4.1.

    Args:
        features: (N, D) float32, finite.
        labels: (N,) int, 0 <= label < K.
        classes: K. Classes without rows are -1 everywhere, and are not predicted.

    Cost: min(N, D)^3. Memory: two float64 matrices of min(N, D)^2 and one of (N, D).
    """

    def __init__(self, features: NDArray[np.float32], labels: NDArray[np.integer], classes: int) -> None:
        self._mean = features.mean(axis=0, dtype=np.float64)
        rows = features - self._mean
        targets = np.full((len(labels), classes), -1.0)
        targets[np.arange(len(labels)), labels] = 1.0
        self._offset = targets.mean(axis=0)
        targets -= self._offset
        self._absent = np.bincount(labels, minlength=classes) == 0
        count, width = rows.shape
        if width <= count:
            values, self._basis = np.linalg.eigh(rows.T @ rows)
            self._image = self._basis.T @ (rows.T @ targets)
        else:
            values, vectors = np.linalg.eigh(rows @ rows.T)
            # (X'X + p)^-1 X' = X' (XX' + p)^-1
            self._basis = rows.T @ vectors
            self._image = vectors.T @ targets
        self._values = np.maximum(values, 0)
        self._unit = max(float(self._values.mean()), np.finfo(np.float64).tiny)

    def scores(
        self, features: NDArray[np.float32], penalties: Sequence[float] = PENALTIES
    ) -> Iterator[NDArray[np.float32]]:
        """(M, K) for each penalty, which are shares of the mean eigenvalue; classes without rows score -inf.

        Cost: one product with the features, then M min(N, D) K a penalty.
        """
        projected = (features - self._mean) @ self._basis
        for penalty in penalties:
            shrunk = self._image / (self._values + penalty * self._unit)[:, None]
            found = (projected @ shrunk + self._offset).astype(np.float32)
            found[:, self._absent] = -np.inf
            yield found
