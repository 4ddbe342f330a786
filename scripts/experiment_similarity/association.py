"""How far similarity goes with accuracy over some sources: correlations, intervals and p values.

Every statistic is of two tables of S sources x T targets. Sources are the units: they are resampled (or, for p,
exchanged) whole, with their row in all targets at once, as one net's accuracies on several targets are not independent.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from fgtl.errors import InputError

Table = NDArray[np.float64]
# Of resamples at a time; Kendall compares all pairs of sources in each.
_BLOCK = 500
# Of values of unit variance.
_NOTHING = 1e-9


@dataclass(frozen=True)
class Association:
    """A statistic of two tables.

    Attributes:
        value: -1 to 1; None where it is not defined, as of a constant column.
        low, high: of 95 % of the resamples of the sources; None with fewer than 3 of these.
        p: share of the exchanges of sources that give a value as far from 0, both signs; None without a value.
        undefined: share of the resamples in which the statistic is not defined; they are in no interval.
    """

    value: float | None
    low: float | None
    high: float | None
    p: float | None
    undefined: float


def spearman(x: Table, y: Table) -> Table:
    """(..., S, T) twice -> (..., T): rank correlation over the sources in each target; equal values share a rank."""
    return pearson(rankdata(x, axis=-2), rankdata(y, axis=-2))


def kendall(x: Table, y: Table) -> Table:
    """(..., S, T) twice -> (..., T): Kendall's tau-b over the sources in each target."""
    dx, dy = (np.sign(one[..., :, None, :] - one[..., None, :, :]) for one in (x, y))
    return _cosine(*(one.reshape(*one.shape[:-3], -1, one.shape[-1]) for one in (dx, dy)))


def pearson(x: Table, y: Table) -> Table:
    """(..., S, T) twice -> (..., T): linear correlation over the sources in each target."""
    return _cosine(_centred(x), _centred(y))


def mean_spearman(x: Table, y: Table) -> Table:
    """(..., S, T) twice -> (...): mean of the targets' rank correlations."""
    return spearman(x, y).mean(axis=-1)


def mean_kendall(x: Table, y: Table) -> Table:
    """(..., S, T) twice -> (...): mean of the targets' tau-b."""
    return kendall(x, y).mean(axis=-1)


def pooled_pearson(x: Table, y: Table) -> Table:
    """(..., S, T) twice -> (...): linear correlation of all pairs after each target's mean is taken off."""
    return _cosine(*(_flat(_centred(one)) for one in (x, y)))[..., 0]


def specific_pearson(x: Table, y: Table) -> Table:
    """(..., S, T) twice -> (...): the same after each source's mean is taken off too.

    Of tables that were scaled to unit variance in each target. What is left is whether a net does better on the targets
    that it is like than on the others, however good it is in general.
    """
    scaled = (_centred(one) / _positive(one.std(axis=-2, keepdims=True)) for one in (x, y))
    left = (one - one.mean(axis=-1, keepdims=True) for one in scaled)
    # What a source has in all targets alike leaves rounding errors, not nothing.
    return _cosine(*(_flat(np.where(np.abs(one) > _NOTHING, one, 0.0)) for one in left))[..., 0]


STATISTICS: Mapping[str, Callable[[Table, Table], Table]] = {
    "Spearman in each target, mean": mean_spearman,
    "Kendall in each target, mean": mean_kendall,
    "Pearson, centred in each target": pooled_pearson,
    "Pearson, centred in each target and source": specific_pearson,
}


def associate(
    statistic: Callable[[Table, Table], Table], x: Table, y: Table, *, resamples: int = 10_000, seed: int = 0
) -> Association:
    """A statistic of two tables, its percentile interval and its permutation p.

    Args:
        statistic: one of the above, (..., S, T) twice -> (...).
        x, y: (S, T), finite; rows are sources.
        resamples: of the sources with replacement, and as many exchanges.
        seed: of these.

    Raises:
        InputError: tables of different shapes, fewer than 3 sources, or a value that is not finite.
    """
    if x.shape != y.shape or x.ndim != 2 or len(x) < 3 or not x.shape[1]:
        raise InputError(f"Tables of {x.shape} and {y.shape}.", expected="two of the same S >= 3 sources x T targets.")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise InputError("A value is not finite.", expected="numbers.")
    value = float(statistic(x, y))
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, len(x), (resamples, len(x)))
    again = np.concatenate([statistic(x[rows], y[rows]) for rows in _blocks(drawn)])
    known = again[np.isfinite(again)]
    low, high = (float(bound) for bound in np.quantile(known, [0.025, 0.975])) if len(known) > 2 else (None, None)
    missing = 1 - len(known) / max(len(again), 1)
    if not np.isfinite(value):
        return Association(None, low, high, None, missing)
    exchanged = rng.permuted(np.tile(np.arange(len(x)), (resamples, 1)), axis=1)
    others = np.concatenate(
        [statistic(np.broadcast_to(x, (len(rows), *x.shape)), y[rows]) for rows in _blocks(exchanged)]
    )
    # A value equal but for rounding is as far; what is not defined counts against us.
    as_far = np.count_nonzero(~(np.abs(others) < abs(value) - 1e-12))
    return Association(value, low, high, (1 + as_far) / (1 + len(others)), missing)


def _blocks(rows: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    for start in range(0, len(rows), _BLOCK):
        yield rows[start : start + _BLOCK]


def _flat(table: Table) -> Table:
    """(..., S, T) -> (..., S * T, 1): all pairs as one column."""
    return table.reshape(*table.shape[:-2], -1, 1)


def _centred(table: Table) -> Table:
    """Off each target's mean; a column of equal values becomes exactly 0."""
    off = table - table.mean(axis=-2, keepdims=True)
    return np.where(np.ptp(table, axis=-2, keepdims=True) > 0, off, 0.0)


def _positive(scale: Table) -> Table:
    return np.where(scale > 0, scale, 1.0)


def _cosine(x: Table, y: Table) -> Table:
    """Of vectors along the last axis but one; NaN where one of them is 0."""
    lengths = np.sqrt((x * x).sum(axis=-2) * (y * y).sum(axis=-2))
    with np.errstate(invalid="ignore", divide="ignore"):
        return (x * y).sum(axis=-2) / np.where(lengths > 0, lengths, np.nan)
