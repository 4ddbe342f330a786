"""Random numbers that belong to (seed, epoch, image id), whatever batch, thread or run asks for them.

Each image in each epoch has a 64-bit key; its draws are the outputs of SplitMix64 started there (Steele, Lea and
Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014). Draw i of a key is computed on its own, so
a generator never has to be made, kept or advanced, and many images are served by a few array operations.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def id_keys(ids: Sequence[str] | NDArray[np.str_]) -> NDArray[np.uint64]:
    """(N,) uint64: the first 8 bytes of each id's BLAKE2b. Python's own hash differs from process to process."""
    # surrogateescape: an id may be a file name that is not UTF-8.
    digests = b"".join(
        hashlib.blake2b(str(name).encode("utf-8", "surrogateescape"), digest_size=8).digest() for name in ids
    )
    return np.frombuffer(digests, "<u8").astype(np.uint64)


def image_keys(seed: int, epochs: NDArray[np.int64], ids: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Mix seed, epochs (n,) and `id_keys` (n,) to one key an image, (n,) uint64."""
    start = np.full(len(ids), seed, np.uint64)
    return _mixed(_mixed(_mixed(start) + epochs.astype(np.uint64)) + ids)


def occurrence_keys(keys: NDArray[np.uint64], occurrences: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Keys of images that stand in an epoch more than once.

    Args:
        keys: (n,) uint64, from `image_keys`.
        occurrences: (n,) int64, how often each image stood in its epoch before; 0 leaves its key as it is.
    """
    return np.where(occurrences > 0, _mixed(keys ^ _mixed(occurrences.astype(np.uint64))), keys)


def uniforms(keys: NDArray[np.uint64], first: int, count: int) -> NDArray[np.float64]:
    """Draws `first` ... `first + count - 1` of each key.

    Returns:
        (n, count) float64, uniform in [0, 1).
    """
    counters = np.arange(first, first + count, dtype=np.uint64) * _GOLDEN
    # The upper 53 bits fill a float64's fraction exactly.
    return (_mixed(keys[:, None] + counters) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _mixed(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """One output of SplitMix64: step the state, then scramble it."""
    state = state + _GOLDEN
    state = (state ^ state >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ state >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return state ^ state >> np.uint64(31)
