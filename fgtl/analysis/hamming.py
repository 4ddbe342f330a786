"""The nearest of many 64-bit hashes within a Hamming distance: exact, without comparing all with all."""

from collections.abc import Iterator
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray

BITS = 64
# Candidates compared at once: 100 MB.
_CANDIDATES = 1 << 21
_BANDS = 3


def nearest_hash(
    one: NDArray[np.uint64], other: NDArray[np.uint64], radius: int
) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """For each hash its nearest one within a Hamming distance, the first of several.

    Exact, by multi-index hashing (Norouzi, Punjani, Fleet, Fast exact search in Hamming space, 2014): of hashes that
    differ in r bits, one of three bands differs in at most r // 3, so that only hashes are compared that nearly agree
    in a band.

    Args:
        one: (A,) uint64.
        other: (B,) uint64.
        radius: r, 0 to 64.

    Returns:
        (A,) row of `other`, -1 where none is within the radius, and (A,) distance, 255 there.

    Memory: 100 MB of candidates at a time. Cost at radius 4: 66 look-ups of a band for each hash, at radius 8 some 700.
    """
    rows, inverse = np.unique(one, return_inverse=True)
    known, first = np.unique(other, return_index=True)
    # Distance above, place below: the smallest is the nearest, and of those the first.
    best = np.full(len(rows), np.iinfo(np.uint64).max)
    for left, right in _candidates(rows, known, radius):
        distance = bits_set(rows[left] ^ known[right])
        near = distance <= radius
        keys = (distance[near].astype(np.uint64) << np.uint64(48)) | first[right[near]].astype(np.uint64)
        np.minimum.at(best, left[near], keys)
    best = best[inverse]
    found = best < np.iinfo(np.uint64).max
    place = (best & np.uint64((1 << 48) - 1)).astype(np.int64)
    return np.where(found, place, -1), np.where(found, best >> np.uint64(48), 255).astype(np.uint8)


def bits_set(words: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """How many bits of each word are 1: sums of neighbouring bits, of pairs, of fours, of bytes."""
    words = words - ((words >> np.uint64(1)) & np.uint64(0x5555555555555555))
    words = (words & np.uint64(0x3333333333333333)) + ((words >> np.uint64(2)) & np.uint64(0x3333333333333333))
    words = (words + (words >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return ((words * np.uint64(0x0101010101010101)) >> np.uint64(56)).astype(np.uint8)


def _candidates(
    one: NDArray[np.uint64], other: NDArray[np.uint64], radius: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Pairs of rows that nearly agree in a band; a pair may come in several bands."""
    if len(one) * len(other) <= _CANDIDATES:
        yield tuple(np.divmod(np.arange(len(one) * len(other)), max(len(other), 1)))  # type: ignore[misc]
        return
    edges = np.linspace(0, BITS, _BANDS + 1).astype(int)
    for low, high in pairwise(edges):
        mask = np.uint64((1 << (high - low)) - 1)
        probe, band = (one >> np.uint64(low)) & mask, (other >> np.uint64(low)) & mask
        order = np.argsort(band, kind="stable")
        band = band[order]
        for flips in _flips(int(high - low), radius // _BANDS):
            wanted = probe ^ flips
            starts = np.searchsorted(band, wanted)
            counts = np.searchsorted(band, wanted, side="right") - starts
            yield from _expanded(starts, counts, order)


def _flips(bits: int, most: int) -> Iterator[np.uint64]:
    for count in range(most + 1):
        for places in combinations(range(bits), count):
            yield np.uint64(sum(1 << place for place in places))


def _expanded(
    starts: NDArray[np.int64], counts: NDArray[np.int64], order: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """(row, order[starts[row] + i]) for i < counts[row], some at a time."""
    rows = np.flatnonzero(counts)
    ends = np.cumsum(counts[rows])
    begin = 0
    while begin < len(rows):
        before = ends[begin - 1] if begin else 0
        end = max(begin + 1, int(np.searchsorted(ends, before + _CANDIDATES, side="right")))
        part = rows[begin:end]
        left = np.repeat(part, counts[part])
        within = np.arange(len(left)) - np.repeat(np.cumsum(counts[part]) - counts[part], counts[part])
        yield left, order[np.repeat(starts[part], counts[part]) + within]
        begin = end
