"""Features along the axes in which they are uncorrelated, where a diagonal says what a whole matrix would."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fgtl.errors import DataError

# Beyond so many axes the decomposition would take longer than it saves.
MOST_AXES = 4096
_BLOCK = 4096
# Between these the squares and sums of a fit stay within float32, for every C of the sweep.
_SMALLEST, _LARGEST = 1e-10, 1e10


@dataclass(frozen=True, eq=False)
class Eigenbasis:
    """Where features are centred, what they are divided by, and the axes that they are turned to.

    An orthogonal turn changes neither |W|^2 nor X W. With more columns than rows only the span of the rows is kept:
    a minimum of loss + |W|^2 lies in it.

    Attributes:
        mean: (D,) float32.
        unit: root mean square of the centred features.
        axes: (D, M) float32, orthonormal columns, M = min(N, D); None where that is over `MOST_AXES`: not turned.
    """

    mean: NDArray[np.float32]
    unit: float
    axes: NDArray[np.float32] | None

    @classmethod
    def fit(cls, features: NDArray[np.float32]) -> "Eigenbasis":
        """Of features (N, D), finite.

        Raises:
            DataError: so large or so small that float32 has no squares of them.

        Cost: about 2 N D min(N, D) + 9 min(N, D)^3. Memory: the axes, twice, and two matrices of min(N, D)^2.
        """
        count, width = features.shape
        mean = features.mean(axis=0, dtype=np.float64).astype(np.float32)
        squares = sum(np.square(features[rows] - mean, dtype=np.float64).sum() for rows in _blocks(count))
        unit = float(np.sqrt(squares / features.size)) or 1.0
        if not _SMALLEST < unit < _LARGEST:
            raise DataError(
                f"The features vary by {unit:.3g}, root mean square.",
                expected=f"{_SMALLEST:g} to {_LARGEST:g}.",
                fix="Scale them; fgtl probe has --standardise=on and --normalise.",
            )
        if min(count, width) > MOST_AXES:
            return cls(mean, unit, None)
        if width <= count:
            return cls(mean, unit, _axes(_scatter(features, mean, unit)))
        span, triangle = np.linalg.qr(((features - mean) / np.float32(unit)).T)
        return cls(mean, unit, span @ _axes(triangle @ triangle.T))

    def design(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, M + 1) float32: the features turned, about 1 in size, and a column of ones for the intercept."""
        width = features.shape[1] if self.axes is None else self.axes.shape[1]
        found = np.ones((len(features), width + 1), np.float32)
        for rows in _blocks(len(features)):
            centred = (features[rows] - self.mean) / np.float32(self.unit)
            found[rows, :-1] = centred if self.axes is None else centred @ self.axes
        return found

    def linear(self, weights: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """From weights (M + 1, K) of the design to weights (D, K) and intercept (K,) of the features as they were."""
        inner = (weights[:-1] if self.axes is None else self.axes @ weights[:-1]) / np.float32(self.unit)
        shift = self.mean.astype(np.float64) @ inner.astype(np.float64)
        return inner, (weights[-1] - shift).astype(np.float32)


def _axes(scatter: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.linalg.eigh(scatter)[1]


def _scatter(features: NDArray[np.float32], mean: NDArray[np.float32], unit: float) -> NDArray[np.float32]:
    found = np.zeros((features.shape[1],) * 2, np.float32)
    for rows in _blocks(len(features)):
        centred = (features[rows] - mean) / np.float32(unit)
        found += centred.T @ centred
    return found


def _blocks(count: int) -> list[slice]:
    return [slice(start, start + _BLOCK) for start in range(0, count, _BLOCK)]
