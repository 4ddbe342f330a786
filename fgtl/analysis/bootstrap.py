"""How much an EMD would differ with other images: class means and sizes of resampled images, and intervals.

Images are drawn from a domain with replacement, as many as it has, whatever their class: both the means and the sizes
of its classes change, and a class of few images may be missing from a resample.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fgtl.errors import InputError
from fgtl.features.feature_set import Features

# Class means and counts of some resamples of all data sets, held at a time.
MEMORY_MB = 512


@dataclass(frozen=True)
class Interval:
    """Where 95 % of the values lie that other images would give.

    Attributes:
        low, high: around the value itself, of as many images as there are.
        bias: how much larger the value is than it would be with any number of images, by estimate. The mean of few
            images is off its class, mostly away from everything else, which makes distances larger.
    """

    low: float
    high: float
    bias: float


def interval_of(value: float, resampled: NDArray[np.float64], *, floor: float | None = 0.0) -> Interval:
    """95 % interval of a statistic from its values on resamples.

    The resamples' mean lies above the value about as much as the value lies above what unlimited images would give,
    and would push the usual percentile interval clear of the value itself. So what is taken of the resamples is their
    spread, around the value, and the shift is told apart from it.

    Args:
        value: of the images themselves.
        resampled: (R,), of the resamples.
        floor: smallest possible value; None where there is none.
    """
    shift = float(resampled.mean()) - value
    low, high = (float(bound) - shift for bound in np.quantile(resampled, [0.025, 0.975]))
    low = low if floor is None else max(low, floor)
    # A skewed spread of few resamples may miss its own mean.
    return Interval(min(low, value), max(high, value), shift)


@dataclass(frozen=True, eq=False)
class ImagesByClass:
    """The images of some classes of a data set, class after class.

    Attributes:
        features: of the data set.
        rows: (n,) int64, its images of the classes, sorted by class.
        starts: (C + 1,) int64, where in `rows` each class starts; then n.
    """

    features: Features
    rows: NDArray[np.int64]
    starts: NDArray[np.int64]

    @classmethod
    def of(cls, features: Features, labels_c: NDArray[np.int64]) -> "ImagesByClass":
        """The images of the classes `labels_c` (C,), ascending, of which each has an image."""
        order = np.argsort(features.labels, kind="stable")
        order = order[np.isin(features.labels[order], labels_c)]
        starts = np.searchsorted(features.labels[order], labels_c)
        return cls(features, order, np.append(starts, len(order)))

    @property
    def bytes_per_resample(self) -> int:
        """What one resample's counts, means and sizes take."""
        classes = len(self.starts) - 1
        return 4 * len(self.rows) + classes * (4 * self.features.features.shape[1] + 8)

    def draw(self, resamples: range, seed: int, stream: int) -> NDArray[np.float32]:
        """(B, n) float32: how often each image is in each resample; every row sums to n.

        A resample depends on its number, `seed` and `stream` only, not on the others.
        """
        count = len(self.rows)
        drawn = np.empty((len(resamples), count), np.float32)
        for row, number in zip(drawn, resamples, strict=True):
            rng = np.random.default_rng([seed, stream, number])
            row[:] = np.bincount(rng.integers(0, count, count), minlength=count)
        return drawn

    def resampled(self, drawn_bn: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """Class means and class sizes of B resamples.

        Args:
            drawn_bn: (B, n) float32, see `draw`.

        Returns:
            means (B, C, D) float32, 0 for a class that a resample misses; sizes (B, C) float64.

        Cost: a (B, n) x (n, D) product for each class of n images, which reads the features once. Memory: the result
        and the features of one class.
        """
        classes = len(self.starts) - 1
        means = np.empty((len(drawn_bn), classes, self.features.features.shape[1]), np.float32)
        sizes = np.empty((len(drawn_bn), classes))
        for place in range(classes):
            own = slice(self.starts[place], self.starts[place + 1])
            counts = drawn_bn[:, own]
            sums = counts @ self.features.features[self.rows[own]]
            size = counts.sum(axis=1)
            sizes[:, place] = size
            means[:, place] = sums / np.maximum(size, 1)[:, None]
        return means, sizes


def blocks(resamples: int, populations: Sequence[ImagesByClass], memory_mb: int = MEMORY_MB) -> Iterator[range]:
    """0 ... `resamples` - 1 in as few blocks as memory allows; each block is a pass over the features.

    Args:
        resamples: how many in all.
        populations: what is resampled.
        memory_mb: for counts, means and sizes of a block; one resample is always taken.

    Raises:
        InputError: a negative number of resamples.
    """
    if resamples < 0:
        raise InputError(f"{resamples} resamples.", expected="0 or more.")
    each = sum(one.bytes_per_resample for one in populations)
    size = max(memory_mb * 2**20 // max(each, 1), 1)
    for start in range(0, resamples, size):
        yield range(start, min(start + size, resamples))
