"""Hits counted image by image, and the shares that follow with their intervals.

A share is a ratio of sums over images, since images have unequal numbers of visible parts. Its interval resamples images,
not points: what is hit in one image is not independent.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fgtl.reports.hits_rows import Rate
from fgtl.reports.intervals import wilson_interval

RESAMPLES = 1000
# Resamples that are drawn at a time.
_BLOCK = 50


@dataclass(frozen=True, eq=False)
class Tally:
    """Hits in N images.

    Attributes:
        hits: (N,) float64, points that were hit, a mean where there are several draws.
        points: (N,) float64, points that could be.
        signed: the hits are differences, of either sign.
    """

    hits: NDArray[np.float64]
    points: NDArray[np.float64]
    signed: bool = False

    @property
    def share(self) -> float:
        """Points that were hit; NaN where there are none."""
        total = self.points.sum()
        return float(self.hits.sum() / total) if total else float("nan")

    def plus(self, other: "Tally") -> "Tally":
        """Both together, image by image."""
        return Tally(self.hits + other.hits, self.points + other.points, self.signed)


def rates_of(tallies: Sequence[Tally], seed: int) -> list[Rate]:
    """The share of each tally with its 95 % interval, bootstrap over images: 2.5 % and 97.5 % quantiles.

    The same resamples serve all tallies. Where the resamples do not differ, since every point was hit, or none, or there
    is a single image, they say nothing, and the interval is Wilson's over the images; about a difference of 0, its upper
    bound to both sides.

    Args:
        tallies: of the same N images; each has points in one image at least.
        seed: of the resamples.

    Cost: 1,000 resamples; a (50, N) x (N, 2 tallies) product for each 50. Memory: 50 x N numbers.
    """
    if not tallies:
        return []
    counted = np.stack([column for tally in tallies for column in (tally.hits, tally.points)], axis=1)
    shares = np.empty((RESAMPLES, len(tallies)))
    for start in range(0, RESAMPLES, _BLOCK):
        sums = _drawn(len(counted), start, seed) @ counted
        with np.errstate(invalid="ignore", divide="ignore"):
            shares[start : start + _BLOCK] = sums[:, ::2] / sums[:, 1::2]
    # A resample may miss all of the few images that have a rare part.
    bounds = np.nanquantile(shares, [0.025, 0.975], axis=0).T
    return [_rate(tally, *pair) for tally, pair in zip(tallies, bounds.tolist(), strict=True)]


def _drawn(images: int, start: int, seed: int) -> NDArray[np.float64]:
    """(50, N): how often each image is in resamples `start` and on."""
    drawn = np.random.default_rng([seed, start]).integers(0, images, (_BLOCK, images))
    places = drawn + images * np.arange(_BLOCK)[:, None]
    return np.bincount(places.ravel(), minlength=images * _BLOCK).reshape(_BLOCK, images).astype(float)


def _rate(tally: Tally, low: float, high: float) -> Rate:
    share = tally.share
    images = int((tally.points > 0).sum())
    if high - low < 1e-12 and (images == 1 or abs(share) in (0.0, 1.0)):
        low, high = wilson_interval(round(abs(share) * images), images)
        low, high = (low, high) if share >= 0 else (-high, -low)
        low = -high if tally.signed and share == 0 else low
    # Means of draws are rounded: a bound may lie an ulp on the wrong side.
    return Rate(share, min(low, share), max(high, share))
