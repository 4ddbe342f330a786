"""Earth mover's distance between two domains: exact optimal transport, its plan checked and not only believed."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fgtl.analysis.domain import Domain
from fgtl.analysis.ground_distance import distances
from fgtl.errors import FgtlError, InputError, expect_rank

SOLVERS = ("pot", "pyemd")
# The most that a row or column of the plan may miss its share, and that the plan may cost above the optimum, as a
# share of the largest distance.
TOLERANCE = 1e-9
# Pivots of the network simplex: far more than any problem that fits into memory takes.
MOST_PIVOTS = 10**9
# Shares below this are rounding errors of what has been subtracted.
_NOTHING = 1e-14
# POT looks for these libraries when it is imported; TensorFlow alone takes seconds.
_BACKENDS = {"torch": "PYTORCH", "jax": "JAX", "cupy": "CUPY", "tensorflow": "TENSORFLOW"}

Plan = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Transport:
    """An optimal plan f*: which share of all mass goes from which source class to which target class.

    Attributes:
        distance: EMD = sum f* d; the total mass is 1.
        rows: (n,) int64, source classes of the n <= m + k flows.
        cols: (n,) int64, their target classes.
        mass: (n,) float64, positive, sums to 1.
        costs: (n,) float64, distance that each flow goes.
    """

    distance: float
    rows: NDArray[np.int64]
    cols: NDArray[np.int64]
    mass: NDArray[np.float64]
    costs: NDArray[np.float64]


def emd(source: Domain, target: Domain, solver: str = "pot") -> Transport:
    """Earth mover's distance of two domains (Cui et al. 2018, equations 3 and 4).

        EMD = min_f sum_ij f_ij || c_i - t_j ||,   f >= 0,   sum_j f_ij = p_i,   sum_i f_ij = q_j

    It is a metric on domains: 0 between equal ones, symmetric, and the triangle inequality holds.

    Args:
        source, target: m and k classes, features of one extractor. Nothing but their dimensions is checked here;
            feature sets of different extractors are told by `check_comparable`.
        solver: "pot", on the rectangular problem; or "pyemd", on the square one of all m + k points, as the paper did.

    Raises:
        InputError: features of different dimensions, or another solver.
        FgtlError: the solver's plan is not an optimal one.

    Memory: some five m x k matrices of float64; pyemd three of (m + k) x (m + k).
    """
    if source.means.shape[1] != target.means.shape[1]:
        raise InputError(
            f"{source.name} has features of {source.means.shape[1]:,} numbers, {target.name} of "
            f"{target.means.shape[1]:,}.",
            expected="features of one extractor.",
        )
    return transport(distances(source.means, target.means), source.weights, target.weights, solver)


def transport(costs_mk: ArrayLike, source_m: ArrayLike, target_k: ArrayLike, solver: str = "pot") -> Transport:
    """The optimal plan for given distances.

    Mass that a place has in both domains stays there, which is optimal for every metric and makes the distance of equal
    domains exactly 0; the solver gets the rest.

    Args:
        costs_mk: (m, k) distances d_ij of a metric, finite and not negative.
        source_m: (m,) weights of the sources, not negative, not all zero; scaled to sum 1.
        target_k: (k,) the same of the targets.
        solver: one of `SOLVERS`.

    Raises:
        InputError: what is given is not that.
        FgtlError: the solver's plan is not an optimal one.
    """
    if solver not in SOLVERS:
        raise InputError(f"solver is {solver!r}.", expected=f"one of {', '.join(SOLVERS)}.")
    costs = np.asarray(costs_mk, np.float64)
    expect_rank(costs, 2, "costs", "(m, k)")
    p, q = _shares(source_m, costs.shape[0], "source"), _shares(target_k, costs.shape[1], "target")
    # A NaN is not >= 0.
    if not (costs >= 0).all() or not np.isfinite(costs).all():
        raise InputError("A distance is negative or not finite.", expected="numbers of 0 or more.")
    rows, cols, mass = staying = _staying(costs, p, q)
    left_p = np.maximum(p - np.bincount(rows, mass, len(p)), 0)
    left_q = np.maximum(q - np.bincount(cols, mass, len(q)), 0)
    from_m, to_k = np.flatnonzero(left_p > _NOTHING), np.flatnonzero(left_q > _NOTHING)
    if len(from_m) and len(to_k):
        moved = _moving(costs[np.ix_(from_m, to_k)], left_p[from_m], left_q[to_k], solver)
        moving = (from_m[moved[0]], to_k[moved[1]], moved[2])
        rows, cols, mass = (np.concatenate(both) for both in zip(staying, moving, strict=True))
    _check_marginals(rows, cols, mass, (p, q))
    taken = costs[rows, cols]
    return Transport(float(mass @ taken), rows, cols, mass, taken)


def _shares(weights: ArrayLike, count: int, side: str) -> NDArray[np.float64]:
    given = np.asarray(weights, np.float64)
    if given.shape != (count,) or not count:
        raise InputError(
            f"The {side}'s weights have shape {given.shape}.", expected=f"({max(count, 1)},), one a class."
        )
    if not np.isfinite(given).all() or (given < 0).any() or not given.any():
        raise InputError(
            f"The {side}'s weights are {given.min():g} to {given.max():g}.",
            expected="finite numbers of 0 or more, not all 0.",
        )
    # By the largest first: the sum of huge ones would be infinite.
    given = given / given.max()
    return given / given.sum()


def _staying(
    costs: Plan, p: NDArray[np.float64], q: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """(rows, cols, mass) of what is already where it has to be."""
    left_p, left_q = p.tolist(), q.tolist()
    kept = []
    for i, j in np.argwhere(costs == 0).tolist():
        if mass := min(left_p[i], left_q[j]):
            left_p[i] -= mass
            left_q[j] -= mass
            kept.append((i, j, mass))
    rows, cols, masses = np.array(kept, np.float64).reshape(-1, 3).T
    return rows.astype(np.int64), cols.astype(np.int64), masses


def _moving(
    costs: Plan, p: NDArray[np.float64], q: NDArray[np.float64], solver: str
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """(rows, cols, mass) of an optimal plan; p and q have the same sum but for rounding."""
    total = float(p.sum())
    # The simplex compares with small absolute numbers, so it gets distances of at most 1.
    scale = float(costs.max()) or 1.0
    solve: Callable[..., Plan] = _by_pot if solver == "pot" else _by_pyemd
    plan = solve(p / total, q / q.sum(), costs / scale)
    rows, cols = np.nonzero(plan)
    return rows, cols, plan[rows, cols] * total


def _by_pot(p: NDArray[np.float64], q: NDArray[np.float64], costs: Plan) -> Plan:
    solve = import_pot()
    plan, log = solve(p, q, costs, numItermax=MOST_PIVOTS, log=True)
    if log["warning"] is not None:
        raise FgtlError(f"POT did not solve the transport problem: {log['warning']}.")
    _check_optimal(plan, costs, (p, log["u"]), (q, log["v"]))
    return plan


def _by_pyemd(p: NDArray[np.float64], q: NDArray[np.float64], costs: Plan) -> Plan:
    import_pot()  # pyemd imports POT
    try:
        from pyemd import emd_with_flow
    except ImportError:
        raise FgtlError("pyemd is not installed.", fix="pip install 'fgtl[pyemd]', or --solver pot.") from None
    m, k = costs.shape
    # Nothing can go between two sources or two targets, so what it would cost does not matter.
    square = np.full((m + k, m + k), costs.max())
    np.fill_diagonal(square, 0)
    square[:m, m:] = costs
    square[m:, :m] = costs.T
    one, other = np.concatenate([p, np.zeros(k)]), np.concatenate([np.zeros(m), q])
    _, flow = emd_with_flow(one, other, square)
    return np.asarray(flow)[:m, m:]


def _check_optimal(
    plan: Plan,
    costs: Plan,
    source: tuple[NDArray[np.float64], NDArray[np.float64]],
    target: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> None:
    """Duality: potentials with u_i + v_j <= d_ij whose value is the plan's cost prove that no plan costs less."""
    (p, u), (q, v) = source, target
    above = float(np.vdot(plan, costs) - (p @ u + q @ v))
    over = float((u[:, None] + v - costs).max())
    if not (above <= TOLERANCE and over <= TOLERANCE):
        raise FgtlError(
            f"The transport plan is not optimal: {above:.1e} above its bound, potentials {over:.1e} too large.",
            expected=f"at most {TOLERANCE:g} of the largest distance.",
        )


def _check_marginals(
    rows: NDArray[np.int64],
    cols: NDArray[np.int64],
    mass: NDArray[np.float64],
    shares: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> None:
    sums = np.bincount(rows, mass, len(shares[0])), np.bincount(cols, mass, len(shares[1]))
    off = max(float(np.abs(found - wanted).max()) for found, wanted in zip(sums, shares, strict=True))
    if not (off <= TOLERANCE and (mass >= 0).all()):
        raise FgtlError(
            f"The transport plan misses the classes' shares by {off:.1e}.",
            expected=f"at most {TOLERANCE:g}.",
            fix="Features or weights of very different sizes can cause it; the default solver is pot.",
        )


def import_pot() -> Callable[..., tuple[Plan, dict[str, NDArray[np.float64]]]]:
    """POT's network simplex, imported without the array libraries that nobody has imported yet."""
    unwanted = [f"POT_BACKEND_DISABLE_{name}" for module, name in _BACKENDS.items() if module not in sys.modules]
    unwanted = [name for name in unwanted if name not in os.environ]
    os.environ.update(dict.fromkeys(unwanted, "1"))
    try:
        from ot.lp import emd as network_simplex
    finally:
        for name in unwanted:
            os.environ.pop(name, None)  # another thread may have been here
    return network_simplex
