"""Earth mover's distance: values by hand, other solvers, the axioms of a metric, and plans that are checked."""

import sys
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.spatial.distance import cdist

from fgtl.analysis import emd as emd_module
from fgtl.analysis.domain import Domain, domain
from fgtl.analysis.emd import emd, transport
from fgtl.analysis.gamma import similarity_of
from fgtl.errors import FgtlError, InputError

HAND = domain(np.array([[0.0, 0], [3, 4]]), [3, 1]), domain(np.array([[0.0, 0], [6, 8]]), [1, 1])


def linear_program(costs: np.ndarray, p: np.ndarray, q: np.ndarray) -> float:
    """The definition as a linear program, by HiGHS' simplex."""
    m, k = costs.shape
    rows = [np.kron(np.eye(m), np.ones(k)), np.kron(np.ones(m), np.eye(k))]
    tight = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
    sums = np.concatenate([p / p.sum(), q / q.sum()])
    found = linprog(costs.ravel(), A_eq=np.concatenate(rows), b_eq=sums, method="highs-ds", options=tight)
    assert found.status == 0
    return float(found.fun)


def padded(one: Domain, other: Domain, backend: str) -> float:
    """The original's way: pyemd on the square problem of all points, both histograms padded with zeros."""
    pyemd = pytest.importorskip("pyemd")
    points = np.concatenate([one.means, other.means]).astype(np.float64)
    zeros = np.zeros(len(one)), np.zeros(len(other))
    histograms = np.concatenate([one.shares, zeros[1]]), np.concatenate([zeros[0], other.shares])
    return float(pyemd.emd(*histograms, cdist(points, points), backend=backend))


@st.composite
def problems(draw: st.DrawFn) -> tuple[Domain, Domain]:
    """Random domains, degenerate ones among them: 1 x k, duplicate classes, shared classes, very unequal weights."""
    m, k, dim = draw(st.integers(1, 9)), draw(st.integers(1, 9)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    # On a grid some classes coincide.
    one, other = (rng.integers(0, 4, (size, dim)).astype(float) for size in (m, k))
    if draw(st.booleans()):
        one, other = one + rng.normal(size=one.shape), other + rng.normal(size=other.shape)
    if draw(st.booleans()):
        other[: min(m, k)] = one[: min(m, k)]
    weights = 10.0 ** rng.uniform(-4, 4, m) if draw(st.booleans()) else rng.integers(1, 60, m)
    return domain(one, weights), domain(other, rng.integers(1, 60, k))


def test_a1_by_hand() -> None:
    found = emd(*HAND)
    assert found.distance == pytest.approx(3.75, abs=1e-12)
    flow = np.zeros((2, 2))
    flow[found.rows, found.cols] = found.mass
    np.testing.assert_allclose(flow, [[0.5, 0.25], [0, 0.25]], atol=1e-15)
    assert float(similarity_of(found.distance, 0.01)) == pytest.approx(0.963194, abs=5e-7)
    # The other assignment, (3, 4) to (0, 0).
    other = np.array([[0.25, 0.5], [0.25, 0]])
    assert float((other * cdist(HAND[0].means, HAND[1].means)).sum()) == pytest.approx(6.25)


def test_a2_counts_in_proportion_are_the_same_domain() -> None:
    points = np.random.default_rng(0).normal(size=(2, 8))
    assert emd(domain(points, [2, 6]), domain(points, [1, 3])).distance == 0
    assert float(similarity_of(0.0, 0.01)) == 1


def test_a3_one_source_class_has_the_closed_form() -> None:
    target = domain(np.array([[3.0, 4], [6, 8], [0, 1]]), [2, 1, 1])
    found = emd(domain(np.zeros((1, 2)), [7]), target)
    assert found.distance == pytest.approx(5.25, abs=1e-12)
    assert found.distance == pytest.approx(float(target.shares @ np.linalg.norm(target.means, axis=1)), abs=1e-12)
    assert float(similarity_of(found.distance, 0.01)) == pytest.approx(0.948854, abs=5e-7)


def test_a4_in_one_dimension_it_is_the_area_between_the_cumulative_curves() -> None:
    found = emd(domain(np.array([[0.0], [10], [20]]), [1, 1, 2]), domain(np.array([[5.0], [25]]), [1, 1]))
    assert found.distance == pytest.approx(5.0, abs=1e-12)
    assert float(similarity_of(found.distance, 0.01)) == pytest.approx(0.951229, abs=5e-7)


def test_a5_scales_is_symmetric_and_knows_no_origin() -> None:
    source, target = HAND
    tenfold = [domain(10 * one.means, one.weights) for one in HAND]
    assert emd(*tenfold).distance == pytest.approx(37.5, abs=1e-11)
    assert float(similarity_of(37.5, 0.01)) == pytest.approx(0.687289, abs=5e-7)
    assert emd(target, source).distance == pytest.approx(3.75, abs=1e-12)
    moved = [domain(one.means + np.array([1e5, -3e5]), one.weights) for one in HAND]
    assert emd(*moved).distance == pytest.approx(3.75, abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(problems(), st.integers(0, 2**31), st.floats(0, 1))
def test_a6_metric_convex_and_with_the_right_marginals(pair: tuple[Domain, Domain], seed: int, share: float) -> None:
    one, other = pair
    rng = np.random.default_rng(seed)
    third = domain(rng.normal(size=(5, one.means.shape[1])), rng.integers(1, 9, 5))
    found = emd(one, other)
    np.testing.assert_allclose(np.bincount(found.rows, found.mass, len(one)), one.shares, atol=1e-9)
    np.testing.assert_allclose(np.bincount(found.cols, found.mass, len(other)), other.shares, atol=1e-9)
    assert (found.mass > 0).all()
    assert emd(other, one).distance == pytest.approx(found.distance, rel=1e-9, abs=1e-12)
    to_third = emd(other, third).distance, emd(one, third).distance
    assert to_third[1] <= found.distance + to_third[0] + 1e-9
    mixed = domain(
        np.concatenate([one.means, other.means]),
        np.concatenate([share * one.shares, (1 - share) * other.shares]) + 1e-300,
    )
    assert emd(mixed, third).distance <= share * to_third[1] + (1 - share) * to_third[0] + 1e-9


@settings(max_examples=25, deadline=None)
@given(problems())
def test_equals_the_linear_program(pair: tuple[Domain, Domain]) -> None:
    one, other = pair
    costs = cdist(one.means, other.means)
    wanted = linear_program(costs, one.weights, other.weights)
    assert emd(one, other).distance == pytest.approx(wanted, rel=1e-9, abs=1e-9 * costs.max())


@settings(max_examples=25, deadline=None)
@given(problems())
def test_equals_pyemd_on_the_padded_square(pair: tuple[Domain, Domain]) -> None:
    wanted = padded(*pair, "pot")
    most = cdist(pair[0].means, pair[1].means).max()
    for solver in ("pot", "pyemd"):
        assert emd(*pair, solver).distance == pytest.approx(wanted, rel=1e-9, abs=1e-9 * most)


def test_without_pyemd_its_solver_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyemd", None)
    with pytest.raises(FgtlError, match=r"pip install 'fgtl\[pyemd\]'"):
        emd(*HAND, solver="pyemd")


@pytest.mark.parametrize("seed", range(4))
def test_equals_the_original_c_code_of_pyemd(seed: int) -> None:
    """It rounds shares and distances to millionths of the largest, so they are such here: places on a line."""
    rng = np.random.default_rng(seed)
    places = [[0, 100], [*rng.permutation(101)[:6]]], [[0, 50], [*rng.permutation(101)[:4]]]
    shares = [[*rng.multinomial(1000 - size, np.ones(size) / size) + 1] for size in (8, 6)]
    one, other = (domain(np.concatenate(at)[:, None].astype(float), w) for at, w in zip(places, shares, strict=True))
    assert emd(one, other).distance == pytest.approx(padded(one, other, "cpp"), rel=1e-9)


def test_a9_padded_square_call_and_rectangular_solver_agree() -> None:
    rng = np.random.default_rng(9)
    one, other = (
        domain(np.maximum(rng.normal(size=(size, 2048)), 0), rng.integers(20, 1300, size)) for size in (400, 200)
    )
    found = emd(one, other).distance
    assert found == pytest.approx(padded(one, other, "pot"), rel=1e-8)
    assert found == pytest.approx(emd(one, other, "pyemd").distance, rel=1e-8)


@pytest.mark.parametrize("seed", range(5))
def test_a_domain_is_exactly_0_from_itself_in_any_order_and_however_its_classes_are_split(seed: int) -> None:
    rng = np.random.default_rng(seed)
    points, weights = rng.normal(size=(60, 8)).astype(np.float32), rng.uniform(0.1, 1300, 60)
    # Some classes have the same mean.
    points[40:] = points[:20]
    one, order = domain(points, weights), rng.permutation(60)
    assert emd(one, domain(points[order], weights[order])).distance == 0
    assert emd(one, domain(points, 4 * weights)).distance == 0
    assert emd(one, domain(np.repeat(points, 2, axis=0), np.repeat(weights, 2))).distance == 0


def test_tiny_and_huge_distances_are_solved_alike() -> None:
    rng = np.random.default_rng(4)
    costs, p, q = (
        cdist(rng.normal(size=(20, 3)), rng.normal(size=(15, 3))),
        rng.uniform(1, 9, 20),
        rng.uniform(1, 9, 15),
    )
    found = transport(costs, p, q).distance
    for scale in (1e-30, 1e30):
        assert transport(costs * scale, p, q).distance == pytest.approx(found * scale, rel=1e-12)


def test_weights_of_any_size_are_shares() -> None:
    costs = np.array([[1.0, 2], [3, 1]])
    assert transport(costs, [1e308, 1e308], [1, 1]).distance == pytest.approx(1)
    assert transport(costs, [1e-300, 0], [1e-12, 1e12]).distance == pytest.approx(2)


@pytest.mark.parametrize(
    ("costs", "p", "q", "message"),
    [
        ([[1.0, 2.0]], [1], [1], "target's weights have shape"),
        ([[1.0]], [-1], [1], "source's weights are -1"),
        ([[1.0]], [0], [1], "not all 0"),
        ([[1.0]], [np.nan], [1], "source's weights"),
        ([[np.nan]], [1], [1], "negative or not finite"),
        ([[-1.0]], [1], [1], "negative or not finite"),
        ([[np.inf]], [1], [1], "negative or not finite"),
        ([1.0], [1], [1], r"\(m, k\)"),
        (np.empty((0, 2)), [], [1, 1], "source's weights have shape"),
    ],
)
def test_what_is_no_transport_problem_is_refused(costs: list, p: list, q: list, message: str) -> None:
    with pytest.raises(InputError, match=message):
        transport(costs, p, q)


def test_features_of_different_width_are_refused() -> None:
    with pytest.raises(InputError, match="features of 2 numbers, domain of 3"):
        emd(domain(np.eye(2), [1, 1]), domain(np.eye(3), [1, 1, 1]))


def test_another_solver_is_refused() -> None:
    with pytest.raises(InputError, match="sinkhorn"):
        emd(*HAND, solver="sinkhorn")


def solver_giving(plan: list[list[float]], u: float = 0.0, warning: str | None = None) -> Callable[[], Callable]:
    log = {"warning": warning, "u": np.full(2, u), "v": np.zeros(2)}
    return lambda: lambda *args, **more: (np.array(plan), log)


@pytest.mark.parametrize(
    ("solver", "message"),
    [
        (solver_giving([[0, 0.5], [0.5, 0]]), "not optimal: 1.0e.00 above"),
        (solver_giving([[0, 0.5], [0.5, 0]], u=1.0), "potentials 5.0e-01 too large"),
        (solver_giving([[0.5, 0], [0, 0.4]], u=0.5), "misses the classes' shares by 1.0e-01"),
        (solver_giving([[0.5, 0], [0, 0.5]], warning="numItermax reached"), "numItermax reached"),
        (solver_giving([[np.nan, 0], [0, 0.5]]), "not optimal"),
    ],
)
def test_a_plan_that_is_not_optimal_is_refused(solver: Callable, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emd_module, "import_pot", solver)
    with pytest.raises(FgtlError, match=message):
        transport(np.array([[1.0, 2], [2, 1]]), [1, 1], [1, 1])
