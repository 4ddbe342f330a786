"""The order of training: a pure function of (seed, epoch), so that any position is reached by arithmetic.

Training reads an endless stream of positions p = 0, 1, 2, ... over N images:

    epoch(p) = p // N        row(p) = permutation(seed, epoch(p))[p % N]

Step s of batch size B holds the positions s B ... s B + B - 1. Batches cross epoch borders, so they are always full and
every epoch still shows each image exactly once. There is no shuffle buffer, hence no state to save: resuming is a number.
"""

from collections.abc import Callable
from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray

from fgtl.errors import InputError


# Two epochs meet in a batch, more when there are fewer images than the batch holds.
@lru_cache(maxsize=4)
def permutation(seed: int, epoch: int, count: int) -> NDArray[np.int64]:
    """A uniformly random order of `range(count)`.

    Returns:
        (count,) int64, read-only. 8 bytes an image are held for the last four orders asked for.
    """
    order = np.random.Generator(np.random.PCG64(np.random.SeedSequence((seed, epoch)))).permutation(count)
    order.setflags(write=False)
    return order


def rows_at(positions: NDArray[np.int64], seed: int, count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which image stands at each position of the stream.

    Args:
        positions: (n,) int64, >= 0.
        seed: of the run.
        count: N, images in an epoch.

    Returns:
        rows (n,) int64 in 0..N-1, and epochs (n,) int64.

    Raises:
        InputError: `count` is 0.
    """
    return in_epochs(positions, count, partial(permutation, seed, count=count))


def in_epochs(
    positions: NDArray[np.int64], count: int, order_of: Callable[[int], NDArray[np.int64]]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """What stands at each position of a stream of epochs of `count` places.

    Args:
        positions: (n,) int64, >= 0.
        count: N, places in an epoch.
        order_of: epoch -> (N, ...) int64, what stands at its places.

    Returns:
        (n, ...) int64 of that, and epochs (n,) int64.

    Raises:
        InputError: `count` is 0.
    """
    if count < 1:
        raise InputError("There are no images to put in order.", expected="at least one.")
    epochs, places = np.divmod(positions, count)
    orders = {int(epoch): order_of(int(epoch)) for epoch in np.unique(epochs)}
    found = np.empty((len(positions), *next(iter(orders.values())).shape[1:]), np.int64)
    for epoch, order in orders.items():
        here = epochs == epoch
        found[here] = order[places[here]]
    return found, epochs


def positions_of(
    steps: range, batch_size: int, first: int, last: int, part: tuple[int, int] = (0, 1)
) -> NDArray[np.int64]:
    """Stream positions of the images `first` ... `last` - 1, counted from the start of `steps`' first batch.

    Args:
        part: (i, n): only the i-th of n equal parts of each batch is counted; n divides `batch_size`.

    Returns:
        (last - first,) int64: with b = batch_size / n, image k lies in batch k // b, which is step `steps[k // b]`.
    """
    index, count = part
    size = batch_size // count
    batches, places = np.divmod(np.arange(first, last, dtype=np.int64), size)
    return (steps.start + batches * steps.step) * batch_size + index * size + places
