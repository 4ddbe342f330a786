"""The best candidates seen so far for each query, while blocks of approximate scores come by.

A candidate is one int64: its float32 score, as an integer of the same order, above its index, counted backwards. So
sorting integers sorts by score and then by index, without carrying two arrays along.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.int64]
Choose = Callable[[int, NDArray[np.int64]], NDArray[np.int64]]

EMPTY = np.iinfo(np.int64).min
LARGEST_INDEX = (1 << 32) - 1
_BELOW_SIGN = np.int32(0x7FFFFFFF)


def pack(scores: NDArray[np.float32], indices: NDArray[np.int64]) -> Keys:
    """Keys that are ordered by score, and for equal scores by index, the lowest last (that is, best)."""
    # Adding 0 makes -0.0 the same as 0.0.
    bits = (scores + np.float32(0)).view(np.int32)
    ordered = bits ^ ((bits >> 31) & _BELOW_SIGN)
    return (ordered.astype(np.int64) << 32) | (LARGEST_INDEX - indices)


def scores_of(keys: Keys) -> NDArray[np.float32]:
    """The scores in keys; -inf where there is none."""
    ordered = (keys >> 32).astype(np.int32)
    scores = (ordered ^ ((ordered >> 31) & _BELOW_SIGN)).view(np.float32)
    return np.where(keys == EMPTY, np.float32(-np.inf), scores)


def indices_of(keys: Keys) -> NDArray[np.int64]:
    """The indices in keys."""
    return LARGEST_INDEX - (keys & LARGEST_INDEX)


class BestSoFar:
    """Candidates of a block of queries: all that may still be among a query's best k.

    Scores are approximate: each is off by at most its query's margin. A candidate is dropped only when k others are
    better by twice the margin, or when `choose`, which knows the exact scores, says so.

    Memory: about 16 (k + 8) bytes a query, and 16 times the scores of a block for a moment.
    """

    def __init__(self, queries: int, k: int, choose: Choose) -> None:
        """Start without candidates.

        Args:
            queries: B.
            k: candidates wanted for each.
            choose: of a query's position and some indices, the positions of the exactly best k. Called only where more
                candidates than there is room for cannot be told apart.
        """
        self.k = k
        self._room = 2 * k + 16
        self._choose = choose
        self._keys = np.full((queries, self._room), EMPTY)

    def floors(self, margins: NDArray[np.float64]) -> NDArray[np.float32]:
        """(B,) what a score must reach to be looked at: the k-th best less twice the margin (B,)."""
        return (scores_of(self._keys[:, -self.k]) - 2 * margins).astype(np.float32)

    def add(self, scores: NDArray[np.float32], first: int, margins: NDArray[np.float64]) -> None:
        """Take the scores (B, n) of the indices `first` to `first + n`; -inf is never taken."""
        floors = np.maximum(self.floors(margins), np.finfo(np.float32).min)
        width = scores.shape[1]
        hits = np.flatnonzero(scores >= floors[:, None])
        if len(hits) > len(scores) * self._room and width > self.k:
            # Nothing is known yet (or better ones keep coming): this block's own k-th best is a floor too.
            own = np.partition(scores, width - self.k, axis=1)[:, width - self.k]
            floors = np.maximum(floors, (own - 2 * margins).astype(np.float32))
            hits = np.flatnonzero(scores >= floors[:, None])
        if len(hits):
            rows, columns = np.divmod(hits, width)
            self._merge(rows, pack(scores.ravel()[hits], first + columns), margins)

    def candidates(self, margins: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Positions of queries, ascending, and indices: all pairs that can be among the best."""
        rows, columns = np.nonzero(scores_of(self._keys) >= np.maximum(self.floors(margins), -np.inf)[:, None])
        keys = self._keys[rows, columns]
        return rows[keys != EMPTY], indices_of(keys[keys != EMPTY])

    def _merge(self, rows: NDArray[np.int64], keys: Keys, margins: NDArray[np.float64]) -> None:
        """Put new keys, of ascending rows, among the old ones."""
        touched, places, counts = np.unique(rows, return_inverse=True, return_counts=True)
        within = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
        merged = np.full((len(touched), self._room + counts.max()), EMPTY)
        merged[:, : self._room] = self._keys[touched]
        merged[places, self._room + within] = keys
        merged.sort(axis=1)
        self._keys[touched] = merged[:, -self._room :]
        floors = self.floors(margins)[touched]
        # The best of those that there is no room for must be out of the race.
        for place in np.flatnonzero(scores_of(merged[:, -self._room - 1]) >= np.maximum(floors, np.finfo("f").min)):
            self._keys[touched[place]] = self._chosen(int(touched[place]), merged[place], floors[place])

    def _chosen(self, row: int, keys: Keys, floor: np.float32) -> Keys:
        keys = keys[(scores_of(keys) >= floor) & (keys != EMPTY)]
        best = np.full(self._room, EMPTY)
        best[-self.k :] = np.sort(keys[self._choose(row, indices_of(keys))])
        return best
