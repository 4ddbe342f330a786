"""Grow a set of source classes by the true earth mover's distance of the set: greedy, lazy, and exact all the same.

A class that is added takes mass from those that are there, so the distance may rise, and gains do not diminish: the
distance is not submodular, and a gain of an earlier step bounds nothing. What does bound the distance of every set from
below is linear programming duality. For any potentials v of the target's classes and weights p, q that sum to 1

    EMD(p, q) >= sum_j q_j v_j + sum_i p_i min_j(d_ij - v_j)

and a solved problem's own potentials make it equal there. So each problem that is solved bounds all candidates of this
and all later steps, and a candidate is solved only while its bound is below the best found: the set is the one that
plain greedy finds.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fgtl.analysis.emd import MOST_PIVOTS, import_pot
from fgtl.analysis.source_classes import check_size, distances_alone, tie_of
from fgtl.errors import FgtlError, InputError

# Potentials kept: older ones hardly bind, and each costs m operations a step.
_CUTS = 64


@dataclass(frozen=True, eq=False)
class Growth:
    """A set as it grew.

    Attributes:
        classes: (k,) int64, positions of the source classes in the order in which they came.
        emd: (k,) distance of the set of the first 1, 2, ... k of them from the target.
        solved: transport problems that were solved for it, of about k m that plain greedy would solve.
    """

    classes: NDArray[np.int64]
    emd: NDArray[np.float64]
    solved: int


def grow(
    cost_mn: NDArray[np.float64], source_weights_m: NDArray[np.float64], target_weights_n: NDArray[np.float64], k: int
) -> Growth:
    """Add k source classes one by one, each time the one that makes the set's distance from the target smallest.

    The distance is between the set, each class weighted by its images, and the target. Ties by position.

    Args:
        cost_mn: (m, n) distances of source class means from target class means.
        source_weights_m: (m,) images of the source classes.
        target_weights_n: (n,) images of the target classes.
        k: how many, 1 to m.

    Raises:
        InputError: k is out of range, or weights do not fit or are not positive.

    Cost: m n and one transport problem of at most k x n for each one solved, usually a few a step. Memory: 2 m n.
    """
    check_size(k, len(cost_mn))
    if source_weights_m.shape != cost_mn.shape[:1] or not (source_weights_m > 0).all():
        raise InputError(
            f"costs {cost_mn.shape}, weights {source_weights_m.shape}.", expected="(m, n) and m weights > 0."
        )
    alone = distances_alone(cost_mn, target_weights_n)
    target = target_weights_n / target_weights_n.sum()
    slack = tie_of(cost_mn)
    cuts = _Cuts(cost_mn, source_weights_m, target)
    classes = [int(np.flatnonzero(alone <= alone.min() + slack)[0])]
    emd, solved = [float(alone[classes[0]])], 0
    cuts.add(_solve(cost_mn, source_weights_m, target, classes)[1])
    for _ in range(1, k):
        bounds = cuts.bounds(classes)
        bounds[classes] = np.inf
        values = np.full(len(cost_mn), np.inf)
        while True:
            candidate = int(bounds.argmin())
            if bounds[candidate] > values.min() + slack:
                break
            values[candidate], potentials = _solve(cost_mn, source_weights_m, target, [*classes, candidate])
            solved += 1
            cuts.add(potentials)
            np.maximum(bounds, cuts.bounds(classes, newest=1), out=bounds)
            bounds[np.isfinite(values)] = np.inf
        classes.append(int(np.flatnonzero(values <= values.min() + slack)[0]))
        emd.append(float(values[classes[-1]]))
    return Growth(np.array(classes, np.int64), np.array(emd), solved)


def distances_of_growth(
    cost_mn: NDArray[np.float64],
    source_weights_m: NDArray[np.float64],
    target_weights_n: NDArray[np.float64],
    classes_k: NDArray[np.int64],
    sizes: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Earth mover's distance of the set of the first `size` classes from the target, for each of `sizes`."""
    target = target_weights_n / target_weights_n.sum()
    return np.array([_solve(cost_mn, source_weights_m, target, classes_k[:size])[0] for size in sizes.tolist()])


class _Cuts:
    """Lower bounds of EMD(set and one candidate, target) for all candidates, from potentials of solved problems."""

    def __init__(
        self, cost_mn: NDArray[np.float64], weights_m: NDArray[np.float64], target_n: NDArray[np.float64]
    ) -> None:
        self._cost, self._weights, self._target = cost_mn, weights_m, target_n
        self._shares = np.empty((0, len(cost_mn)))
        self._constants = np.empty(0)

    def add(self, potentials_n: NDArray[np.float64]) -> None:
        """Keep the bound of one solved problem."""
        # The largest potentials of the source classes that go with v; of all m, those that are not in the set too.
        shares = (self._cost - potentials_n).min(axis=1)
        self._shares = np.concatenate([self._shares, shares[None]])[-_CUTS:]
        self._constants = np.append(self._constants, self._target @ potentials_n)[-_CUTS:]

    def bounds(self, classes: list[int], newest: int = _CUTS) -> NDArray[np.float64]:
        """(m,) the highest of the bounds of the `newest` problems, with each class added to the set."""
        shares = self._shares[-newest:]
        inside = shares[:, classes] @ self._weights[classes]
        means = (inside[:, None] + shares * self._weights) / (self._weights[classes].sum() + self._weights)
        return (self._constants[-newest:, None] + means).max(axis=0)


def _solve(
    cost_mn: NDArray[np.float64],
    weights_m: NDArray[np.float64],
    target_n: NDArray[np.float64],
    classes: list[int] | NDArray[np.int64],
) -> tuple[float, NDArray[np.float64]]:
    """(earth mover's distance of the set from the target, (n,) potentials of the target's classes)."""
    costs, shares = cost_mn[classes], weights_m[classes] / weights_m[classes].sum()
    # The simplex compares with small absolute numbers, so it gets distances of at most 1.
    scale = float(costs.max()) or 1.0
    plan, log = import_pot()(shares, target_n, costs / scale, numItermax=MOST_PIVOTS, log=True)
    if log["warning"] is not None:
        raise FgtlError(f"POT did not solve the transport problem: {log['warning']}.")
    return float(np.vdot(plan, costs)), log["v"] * scale
