"""Photographs that two sets share: equal files, and the same picture stored anew, resized, mirrored or cropped."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fgtl.analysis.hamming import bits_set, nearest_hash
from fgtl.analysis.perceptual_hash import Hashes
from fgtl.features.exact_scores import exact_scores
from fgtl.features.topk import top_k

Kind = Literal["copy", "hash", "features"]
# Bits of 64. Of four million pairs of photographs of birds three came so near, and these show the same scene.
SURE_BITS = 4
# Hashes of paler pictures (standard deviation, of 0..255) are noise.
_LEAST_CONTRAST = 4.0
# For one photograph of a pair the other must be so much nearer than the next one: of 1,389 test photographs of birds
# four have such a training photograph, all of the same bird in the same place; a fifth, at 0.74, is another bird.
_LARGEST_RATIO = 0.7
# And so much for the other one too: the only finch of a small set is the nearest to every finch, by far.
_OTHER_WAY = 0.85
# Second neighbours are different photographs. The share of them that are so much nearer than the third says how often
# chance does that; the ratio stays a tenth below what it does to so few.
_CHANCE, _BELOW = 0.002, 0.9
# And it must be nearer than all but this share of second neighbours: where a photograph has none that is alike, the
# first of them is by chance much nearer than the second, and still far.
_NEAR = 0.1


@dataclass(frozen=True, eq=False)
class Side:
    """One of two sets: N photographs in the same order.

    Attributes:
        features: (N, D) float32; None where the two sets' features cannot be compared.
        hashes: None where the pictures are not at hand.
    """

    features: NDArray[np.float32] | None
    hashes: Hashes | None


@dataclass(frozen=True)
class Pair:
    """A photograph of the first set and the one of the second that it repeats.

    Attributes:
        one, other: rows of the two sets.
        kind: what gave it away: "copy" (equal files), "hash" or "features".
        bits: that their hashes differ in, 0 to 64; of the mirror image's hash where that is nearer; None without.
        similarity: cosine of their features; None without.
        mirrored: whether the mirror image is nearer.
    """

    one: int
    other: int
    kind: Kind
    bits: int | None
    similarity: float | None
    mirrored: bool = False


def near_duplicates(one: Side, other: Side) -> tuple[list[Pair], float | None]:
    """For each photograph of `one` that is in `other` too, the pair; at most one pair a photograph of `one`.

    A pair is found by

    1. equal files;
    2. hashes of the picture, or of its mirror image, that differ in at most SURE_BITS bits;
    3. features (cosine): each is the other's nearest neighbour; for one of them it is at most `ratio` times as far as
       the second nearest, for the other at most 0.85 times (distances of unit vectors; the test of Lowe, Distinctive
       Image Features, IJCV 2004, section 7.1); and they are nearer than nine in ten of all second nearest. `ratio` is
       0.7, or less where second neighbours are often so much nearer than third ones. Several copies of one photograph
       hide each other from this test, not from the hashes.

    Returns:
        Pairs by kind (copies first), the nearest first; and the ratio used, None where features were not compared.

    Memory: see `top_k` and `nearest_hash`.
    """
    pairs: dict[int, Pair] = {}
    ratio = None
    if one.features is not None and other.features is not None and min(len(one.features), len(other.features)) >= 3:
        rows, places, ratio = _by_features(one.features, other.features)
        pairs |= _pairs(one, other, (rows, places), "features")
    if one.hashes is not None and other.hashes is not None:
        pairs |= _pairs(one, other, _by_hash(one.hashes, other.hashes), "hash")
        pairs |= _pairs(one, other, _by_content(one.hashes, other.hashes), "copy")
    order = {"copy": 0, "hash": 1, "features": 2}
    return sorted(pairs.values(), key=lambda pair: (order[pair.kind], pair.bits or 0, -(pair.similarity or 0))), ratio


Rows = tuple[NDArray[np.int64], NDArray[np.int64]]


def _by_content(one: Hashes, other: Hashes) -> Rows:
    known, first = np.unique(other.content, return_index=True)
    places = np.searchsorted(known, one.content).clip(max=len(known) - 1)
    rows = np.flatnonzero((known[places] == one.content) & (one.contrast >= 0))
    return rows, first[places[rows]]


def _by_hash(one: Hashes, other: Hashes) -> Rows:
    mine, theirs = (np.flatnonzero(side.contrast >= _LEAST_CONTRAST) for side in (one, other))
    if not len(mine) or not len(theirs):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    plain, bits = nearest_hash(one.plain[mine], other.plain[theirs], SURE_BITS)
    mirrored, mirrored_bits = nearest_hash(one.mirrored[mine], other.plain[theirs], SURE_BITS)
    nearest = np.where(mirrored_bits < bits, mirrored, plain)
    found = np.flatnonzero(nearest >= 0)
    return mine[found], theirs[nearest[found]]


def _by_features(one: NDArray[np.float32], other: NDArray[np.float32]) -> tuple[Any, Any, float]:
    """Rows of `one`, rows of `other`, and the ratio."""
    nearest, there, first, limits = _neighbours(other, one)
    back, _, first_back, limits_back = _neighbours(one, other)
    ratio, near = (min(pair) for pair in zip(limits, limits_back, strict=True))
    mutual = back[nearest] == np.arange(len(other))
    first_back = first_back[nearest]
    clear = (np.minimum(first, first_back) <= ratio) & (np.maximum(first, first_back) <= _OTHER_WAY)
    places = np.flatnonzero(mutual & clear & (there <= near))
    return nearest[places], places, ratio


def _neighbours(
    queries: NDArray[np.float32], database: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64], tuple[float, float]]:
    """Nearest row of each query, its distance, that distance over the next one; largest ratio and distance allowed."""
    indices, similarity = top_k(queries, database, 3)
    distances = np.sqrt(np.maximum(2 - 2 * similarity.astype(np.float64), 0))
    # At distance 0 it is the same, however near the next one is.
    first, second = (_quotient(distances[:, place], distances[:, place + 1]) for place in (0, 1))
    ratio = min(_LARGEST_RATIO, _BELOW * float(np.quantile(second, _CHANCE)))
    return indices[:, 0], distances[:, 0], first, (ratio, float(np.quantile(distances[:, 1], _NEAR)))


def _quotient(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(one, other, out=np.zeros_like(one), where=other > 0)


def _pairs(one: Side, other: Side, rows: Rows, kind: Kind) -> dict[int, Pair]:
    """By row of `one`."""
    count = len(rows[0])
    bits: Any = [None] * count
    similarities: Any = [None] * count
    mirrored = np.zeros(count, bool)
    if one.hashes is not None and other.hashes is not None:
        theirs = other.hashes.plain[rows[1]]
        plain, turned = (bits_set(mine[rows[0]] ^ theirs) for mine in (one.hashes.plain, one.hashes.mirrored))
        bits, mirrored = np.minimum(plain, turned).tolist(), turned < plain
    if one.features is not None and other.features is not None:
        similarities = exact_scores(one.features, other.features, rows, "cosine").tolist()
    columns = zip(*(column.tolist() for column in rows), bits, similarities, mirrored.tolist(), strict=True)
    return {row: Pair(row, place, kind, *facts) for row, place, *facts in columns}
