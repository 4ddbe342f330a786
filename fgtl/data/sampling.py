"""How often each image is shown: as often as any other, or more often the rarer its class is.

A long-tailed set is trained in two stages: first every image alike, to learn features, then with a flatter
distribution over the classes and a small learning rate (Cui et al. 2018, section 3). The second stage either samples
images by weights of their classes, or leaves out what a class has too much of (`capped`).

The weight of an image of a class with n training images:

    instance    1
    balanced    1 / n                   every class equally often
    power       n^-beta                 between the two; beta = 1/2 is square-root sampling
    effective   (1 - b) / (1 - b^n)     the "effective number" of n images (Cui, Jia et al. 2019, eq. 2)
"""

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fgtl.data.knobs import SamplingKnobs
from fgtl.data.order import in_epochs, rows_at
from fgtl.data.splits import ranks_in_class
from fgtl.errors import InputError

if TYPE_CHECKING:
    from fgtl.data.records import Selection

Stream = Callable[[NDArray[np.int64]], tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]

# Tells the generator of a sampled epoch from that of `fgtl.data.order.permutation`.
_SAMPLED = 1


def image_weights(labels: NDArray[np.int32], knobs: SamplingKnobs) -> NDArray[np.float64]:
    """(N,) float64: how often each image is shown, relative to the others; the formulas are above.

    Args:
        labels: (N,) int.
    """
    _, own, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    counts = sizes[own].astype(np.float64)
    if knobs.sampling == "power":
        return counts**-knobs.sampling_beta
    if knobs.sampling == "effective":
        return (1 - knobs.effective_beta) / (1 - knobs.effective_beta**counts)
    return 1 / counts if knobs.sampling == "balanced" else np.ones_like(counts)


def training_stream(labels: NDArray[np.int32], knobs: SamplingKnobs, seed: int) -> Stream:
    """What stands where in training: positions (n,) -> rows, epochs and occurrences, each (n,) int64.

    An epoch has N positions whatever the sampling, and any position is reached without those before it. The k-th time
    that an image stands in an epoch has occurrence k, counted from 0.

    Args:
        labels: (N,) int, N >= 1.
        seed: of the run.

    Memory: with weights 16 bytes an image for each of the last four epochs asked for, else see `rows_at`.
    """
    count = len(labels)
    if knobs.sampling == "instance":

        def shuffled(positions: NDArray[np.int64]) -> tuple[NDArray[np.int64], ...]:
            rows, epochs = rows_at(positions, seed, count)
            return rows, epochs, np.zeros_like(rows)

        return shuffled  # type: ignore[return-value]
    weights = image_weights(labels, knobs)

    @lru_cache(maxsize=4)
    def epoch_order(epoch: int) -> NDArray[np.int64]:
        return sampled_epoch(labels, weights, seed, epoch)

    def sampled(positions: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        found, epochs = in_epochs(positions, count, epoch_order)
        return found[:, 0], epochs, found[:, 1]

    return sampled


def sampled_epoch(labels: NDArray[np.int32], weights: NDArray[np.float64], seed: int, epoch: int) -> NDArray[np.int64]:
    """N draws from N images in a random order, each image as often as its weight says, to the next whole number.

    Systematic resampling: the images are laid end to end on a line, class by class, each as long as the number of
    times it is expected, e_i = N w_i / sum(w); a comb of spacing 1 with a random start is laid beside it. An image is
    drawn as often as a tooth hits it: floor(e_i) or ceil(e_i) times, e_i on average; and as a class is one stretch of
    the line, the same is true of classes. Independent draws would leave a class of a few images to chance.

    Args:
        labels: (N,) int.
        weights: (N,) float64, > 0.

    Returns:
        (N, 2) int64: row, and how often the same row was drawn before.
    """
    count = len(labels)
    generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence((seed, epoch, _SAMPLED))))
    classes, own = np.unique(labels, return_inverse=True)
    # Neighbours share their rounding, so classes and images have other neighbours in each epoch.
    line = generator.permutation(count)
    line = line[np.argsort(generator.permutation(len(classes))[own[line]], kind="stable")]
    ends = np.cumsum(weights[line])
    ends *= count / ends[-1]
    ends[-1] = count
    teeth = np.arange(count)
    hit = np.searchsorted(np.floor(ends + generator.random()), teeth, side="right")
    occurrences = teeth - np.searchsorted(hit, hit)
    return generator.permutation(np.stack([line[hit], occurrences], axis=1))


def capped(selection: "Selection", cap: int, seed: int) -> "Selection":
    """At most `cap` images of each class, in the order of the selection; which ones says the hash of (seed, id).

    A larger cap keeps all that a smaller one keeps. 0 is no cap.

    Raises:
        InputError: `cap` is negative.
    """
    if cap < 0:
        raise InputError(f"The cap is {cap} images of a class.", expected="at least 1, or 0 for none.")
    if not cap:
        return selection
    ranks, _ = ranks_in_class(selection, seed, "cap")
    return selection.take(np.flatnonzero(ranks < cap))
