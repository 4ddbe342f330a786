"""Features as a classifier gets them: rows to length 1, columns to unit variance."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# A column that varies by less than this share of its size is a constant and its rounding.
_CONSTANT = 1e-6


@dataclass(frozen=True, eq=False)
class Scaling:
    """What is done to each row.

    Attributes:
        normalise: rows to Euclidean length 1, before anything else; rows of zeros stay.
        factors: (D,) float32 that the columns are multiplied by; None for none.
    """

    normalise: bool
    factors: NDArray[np.float32] | None

    @classmethod
    def fit(cls, features: NDArray[np.float32], *, normalise: bool, standardise: bool) -> "Scaling":
        """The scaling that training images (N, D) ask for. Columns that do not vary become zeros."""
        if not standardise:
            return cls(normalise, None)
        rows = cls(normalise, None)(features)
        mean, spread = rows.mean(axis=0, dtype=np.float64), rows.std(axis=0, dtype=np.float64)
        varies = spread > _CONSTANT * np.abs(mean)
        factors = np.zeros(len(spread), np.float32)
        factors[varies] = 1 / spread[varies]
        return cls(normalise, factors)

    def __call__(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, D) of the same rows, scaled; the same array where there is nothing to do."""
        if self.normalise:
            lengths = np.sqrt(np.einsum("nd,nd->n", features, features))
            features = np.divide(features, np.where(lengths > 0, lengths, 1)[:, None], dtype=np.float32)
        return features if self.factors is None else features * self.factors
