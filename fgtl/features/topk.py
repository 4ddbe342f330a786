"""Exact nearest neighbours in bounded memory: blocks of float32 products choose candidates, float64 decides.

Products of whole blocks are what a processor does fastest, but their last digits depend on the size of the block. Here
they only rule out what cannot be a neighbour, by the worst that rounding can do (Higham, Accuracy and Stability of
Numerical Algorithms, 2002, section 3.1: an inner product of n terms is off by at most n u |x| |y|). The few that are
left are scored again in float64. So the answer is exact and the same for every block size and number of threads.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from fgtl.data.pool import usable_cores
from fgtl.errors import InputError, expect_rank
from fgtl.features.best_so_far import LARGEST_INDEX, BestSoFar, indices_of, pack, scores_of
from fgtl.features.exact_scores import METRICS, Metric, exact_scores, norms_of

# Rows of the database, and queries, multiplied at once: large enough for BLAS, small enough for the cache.
_DATABASE_ROWS, _QUERY_ROWS = 4096, 512
_UNIT = 2.0**-24
# Squares of longer rows leave float32.
_LONGEST = 1e18


def top_k(
    queries: NDArray[Any],
    database: NDArray[Any],
    k: int,
    metric: Metric = "cosine",
    *,
    exclude_self: bool | NDArray[np.int64] = False,
    memory_mb: float = 512,
    workers: int = 0,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The k nearest rows of `database` for each query, best first; equally near ones by index, the lowest first.

    Args:
        queries: (Q, D) floats, taken as float32.
        database: (N, D) floats, taken as float32; may be a memory map, which is read once for some 10,000s of queries.
        k: 1 to N (N - 1 where a row is excluded).
        metric: "cosine" similarity (0 to a row of zeros), "dot" product, or "euclidean" distance.
        exclude_self: query i is row i of the database (so Q = N), and not a neighbour of itself; or (Q,) which row
            each query is, -1 for none.
        memory_mb: about how much is used besides the arguments and the result; up to twice as much for a k of 1,000.
        workers: threads; 0 for one a core.

    Returns:
        indices (Q, k) int64 and scores (Q, k) float32: similarities, largest first, or distances, smallest first. Each
        is the float64 value rounded once, whatever the memory and the threads; what is equal in float32 is a tie.

    Raises:
        InputError: shapes that do not fit, k out of range, an unknown metric, rows that are not finite or longer than
            1e18.

    Cost: 2 Q N D float32 operations as matrix products. Rows that cannot be told apart in float32 are told apart in
    float64: many thousands of (nearly) equal rows make it slow, not wrong.
    """
    expect_rank(queries, 2, "queries", "(Q, D)")
    expect_rank(database, 2, "database", "(N, D)")
    own = _own_rows(len(queries), len(database), exclude_self)
    _check(queries, database, k, metric, own)
    workers = workers or usable_cores()
    sizes = _sizes(queries.shape[1], k, memory_mb, workers)
    indices = np.empty((len(queries), k), np.int64)
    scores = np.empty((len(queries), k), np.float32)
    # Each thread multiplies blocks of its own: BLAS's own threads would wait while candidates are chosen.
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(workers) as pool:
        for start in range(0, len(queries), sizes.queries):
            part = slice(start, min(start + sizes.queries, len(queries)))
            step = min(sizes.query_rows, -(-(part.stop - start) // workers))
            jobs = [
                _Job(queries, database, slice(at, min(at + step, part.stop)), k, metric, own)
                for at in range(start, part.stop, step)
            ]
            for first, rows, longest in _blocks(database, metric, sizes.database_rows):
                list(pool.map(lambda job, first=first, rows=rows, top=longest: job.add(first, rows, top), jobs))
            for job, found in zip(jobs, pool.map(_Job.result, jobs), strict=True):
                indices[job.part], scores[job.part] = found
    return indices, scores


@dataclass(frozen=True)
class _Sizes:
    """Rows of the database in a block, queries in a block, and queries whose candidates are kept at once."""

    database_rows: int
    query_rows: int
    queries: int


def _sizes(dim: int, k: int, memory_mb: float, workers: int) -> _Sizes:
    quarter = memory_mb * 2**20 / 4
    # A block and the next one, each with a copy; scores with what is made of them.
    database_rows = int(np.clip(quarter / (16 * (dim + 1)), 1, _DATABASE_ROWS))
    query_rows = int(np.clip(quarter / (24 * database_rows * workers), 1, _QUERY_ROWS))
    kept = quarter * 2 / (4 * (dim + 1) + 8 * (2 * k + 16))
    return _Sizes(database_rows, query_rows, max(query_rows, int(kept)))


class _Job:
    """A block of queries: prepared for products, with its candidates."""

    def __init__(
        self, queries: NDArray[Any], database: NDArray[Any], part: slice, k: int, metric: Metric, own: NDArray[np.int64]
    ) -> None:
        self.part = part
        self._queries, self._database = queries[part], database
        self._k, self._metric, self._own = k, metric, own[part]
        norms = _checked_norms(self._queries, "queries", part.start)
        self._rows = _prepared(self._queries, norms, metric)
        if metric == "euclidean":
            self._rows = np.concatenate([self._rows, np.ones((len(norms), 1), np.float32)], axis=1)
        self._norms, self._longest = norms, 0.0
        self._best = BestSoFar(len(norms), k, self._choose)

    def add(self, first: int, rows: NDArray[np.float32], longest: float) -> None:
        """Take a prepared block of the database; `longest` is the length of its longest row as it came."""
        self._longest = max(self._longest, longest)
        scores = self._rows @ rows.T
        inside = np.flatnonzero((self._own >= first) & (self._own < first + len(rows)))
        scores[inside, self._own[inside] - first] = -np.inf
        self._best.add(scores, first, self._margins())

    def result(self) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Indices and scores (B, k)."""
        rows, indices = self._best.candidates(self._margins())
        counts = np.bincount(rows, minlength=len(self._norms))
        within = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
        keys = np.full((len(counts), counts.max()), np.iinfo(np.int64).min)
        keys[rows, within] = self._exact_keys(rows, indices)
        keys.sort(axis=1)
        best = keys[:, : -self._k - 1 : -1]
        scores = scores_of(best)
        return indices_of(best), -scores if self._metric == "euclidean" else scores

    def _exact_keys(self, rows: NDArray[np.int64], indices: NDArray[np.int64]) -> NDArray[np.int64]:
        scores = exact_scores(self._queries, self._database, (rows, indices), self._metric)
        return pack(-scores if self._metric == "euclidean" else scores, indices)

    def _choose(self, row: int, indices: NDArray[np.int64]) -> NDArray[np.int64]:
        keys = self._exact_keys(np.full(len(indices), row), indices)
        return np.argpartition(keys, len(keys) - self._k)[-self._k :]

    def _margins(self) -> NDArray[np.float64]:
        """(B,) how far an approximate score can be off, and a final one from its rounding."""
        terms = (self._rows.shape[1] + 16) * _UNIT
        if self._metric == "cosine":
            return np.full(len(self._norms), terms)
        # The last term: products below float32's smallest number vanish.
        margins = terms * self._norms * self._longest + self._rows.shape[1] * float(np.finfo(np.float32).tiny)
        if self._metric == "euclidean":
            margins += terms * self._longest**2 / 2 + 4 * _UNIT * (self._norms + self._longest) ** 2
        return margins


def _blocks(database: NDArray[Any], metric: Metric, size: int) -> Iterator[tuple[int, NDArray[np.float32], float]]:
    """Prepared blocks of the database: position of the first row, rows, length of the longest row as it came."""
    for first in range(0, len(database), size):
        rows = np.asarray(database[first : first + size])
        norms = _checked_norms(rows, "database", first)
        rows = _prepared(rows, norms, metric)
        if metric == "euclidean":
            # |q - x|^2 = |q|^2 - 2 (q x - |x|^2 / 2): one column more, and the largest product is the nearest row.
            rows = np.concatenate([rows, (-(norms**2) / 2).astype(np.float32)[:, None]], axis=1)
        yield first, rows, float(norms.max())


def _prepared(rows: NDArray[Any], norms: NDArray[np.float64], metric: Metric) -> NDArray[np.float32]:
    rows = np.ascontiguousarray(rows, np.float32)
    if metric != "cosine":
        return rows
    return rows * (1 / np.where(norms > 0, norms, 1)).astype(np.float32)[:, None]


def _checked_norms(rows: NDArray[Any], name: str, first: int) -> NDArray[np.float64]:
    norms = norms_of(rows)
    wrong = np.flatnonzero(~(norms <= _LONGEST))
    if len(wrong):
        raise InputError(
            f"Row {first + wrong[0]:,} of {name} has length {norms[wrong[0]]:.3g}.",
            expected="finite numbers, and a length of at most 1e18.",
        )
    return norms


def _own_rows(queries: int, rows: int, exclude_self: bool | NDArray[np.int64]) -> NDArray[np.int64]:
    """(Q,) the row of the database that each query is; -1 for none."""
    if isinstance(exclude_self, np.ndarray):
        if exclude_self.shape != (queries,) or exclude_self.dtype.kind != "i" or (exclude_self >= rows).any():
            raise InputError(
                f"exclude_self is {exclude_self.dtype} {exclude_self.shape}.",
                expected=f"the row of each of {queries:,} queries, below {rows:,}, or -1.",
            )
        return exclude_self
    if exclude_self and queries != rows:
        raise InputError(
            f"exclude_self with {queries:,} queries and {rows:,} rows.", expected="the same rows as both, or positions."
        )
    return np.arange(queries) if exclude_self else np.full(queries, -1)


def _check(queries: NDArray[Any], database: NDArray[Any], k: int, metric: str, own: NDArray[np.int64]) -> None:
    if metric not in METRICS:
        raise InputError(f"metric is {metric!r}.", expected=", ".join(METRICS))
    for name, array in (("queries", queries), ("database", database)):
        if not len(array) or not array.shape[1] or array.dtype.kind != "f":
            raise InputError(f"{name} is {array.dtype} {array.shape}.", expected="floats with at least one row.")
    if queries.shape[1] != database.shape[1]:
        raise InputError(f"queries have {queries.shape[1]:,} numbers, the database {database.shape[1]:,}.")
    most = len(database) - int((own >= 0).any())
    if not 1 <= k <= most:
        raise InputError(f"k is {k}.", expected=f"1 to {most:,}.")
    if len(database) > LARGEST_INDEX:
        raise InputError(f"The database has {len(database):,} rows.", expected=f"at most {LARGEST_INDEX:,}.")
