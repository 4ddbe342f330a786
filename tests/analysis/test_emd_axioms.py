"""The earth mover's distance of domains of up to 50 classes: a metric, convex, and the same as other solvers find."""

import numpy as np
import ot
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.sparse import eye_array, kron, vstack
from scipy.spatial.distance import cdist

from fgtl.analysis.domain import Domain, domain, joined
from fgtl.analysis.emd import emd

SIZES, SEEDS = st.integers(1, 50), st.integers(0, 2**31)
modest = settings(max_examples=20, deadline=None)


def drawn(seed: int, *sizes: int, dim: int = 6) -> list[Domain]:
    """Domains of so many classes: apart or overlapping, with images from a few to a thousand."""
    rng = np.random.default_rng(seed)
    spread = rng.uniform(0, 3)
    return [
        domain(spread * rng.normal(size=dim) + rng.normal(size=(size, dim)), rng.integers(1, 1300, size))
        for size in sizes
    ]


@modest
@given(SEEDS, SIZES, SIZES, SIZES)
def test_a6_it_is_a_metric(seed: int, m: int, k: int, n: int) -> None:
    one, other, third = drawn(seed, m, k, n)
    there = emd(one, other).distance
    assert there > 0
    assert emd(other, one).distance == pytest.approx(there, rel=1e-9)
    assert emd(one, one).distance == 0
    assert emd(one, third).distance <= there + emd(other, third).distance + 1e-9


@modest
@given(SEEDS, SIZES, SIZES)
def test_a6_the_plan_hands_out_each_share_and_costs_what_it_says(seed: int, m: int, k: int) -> None:
    one, other = drawn(seed, m, k)
    found = emd(one, other)
    np.testing.assert_allclose(np.bincount(found.rows, found.mass, m), one.shares, atol=1e-9)
    np.testing.assert_allclose(np.bincount(found.cols, found.mass, k), other.shares, atol=1e-9)
    costs = cdist(one.means, other.means)[found.rows, found.cols]
    assert found.distance == pytest.approx(float(found.mass @ costs), rel=1e-9)
    assert len(found.mass) <= m + k


@modest
@given(SEEDS, SIZES, SIZES, SIZES, st.floats(0.001, 1000))
def test_a6_a_mixture_is_no_farther_than_its_parts_on_average(seed: int, m: int, n: int, k: int, ratio: float) -> None:
    """Also as `joined` mixes, by raw counts."""
    one, other, target = drawn(seed, m, n, k)
    one = domain(one.means, ratio * one.weights)
    share = one.images / (one.images + other.images)
    mixed = emd(joined([one, other], "both"), target).distance
    assert mixed <= share * emd(one, target).distance + (1 - share) * emd(other, target).distance + 1e-9


@modest
@given(SEEDS, SIZES, SIZES, st.floats(1e-6, 1e6))
def test_a5_it_scales_with_the_features_and_knows_no_origin_or_direction(
    seed: int, m: int, k: int, scale: float
) -> None:
    pair = drawn(seed, m, k)
    rng = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(rng.normal(size=(6, 6)))
    offset = 100 * rng.normal(size=6)
    moved = [domain(scale * (one.means @ turn + offset), 7 * one.weights) for one in pair]
    assert emd(*moved).distance == pytest.approx(scale * emd(*pair).distance, rel=1e-8)


@modest
@given(SEEDS, SIZES, SIZES)
def test_a2_an_image_count_that_is_split_between_equal_classes_counts_as_one(seed: int, m: int, k: int) -> None:
    one, other = drawn(seed, m, k)
    halves = domain(np.repeat(one.means, 2, axis=0), np.repeat(one.weights / 2, 2))
    assert emd(halves, other).distance == pytest.approx(emd(one, other).distance, rel=1e-9)


@settings(max_examples=8, deadline=None)
@given(SEEDS, SIZES, SIZES)
def test_it_is_what_pot_highs_and_pyemd_find(seed: int, m: int, k: int) -> None:
    one, other = drawn(seed, m, k)
    costs, found = cdist(one.means, other.means), emd(one, other).distance
    assert found == pytest.approx(float(ot.emd2(one.shares, other.shares, costs)), rel=1e-9)
    sums = vstack([kron(eye_array(m), np.ones((1, k))), kron(np.ones((1, m)), eye_array(k))])
    tight = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
    program = linprog(costs.ravel(), A_eq=sums, b_eq=np.concatenate([one.shares, other.shares]), options=tight)
    assert found == pytest.approx(program.fun, rel=1e-9)
    pyemd = pytest.importorskip("pyemd")
    points = np.concatenate([one.means, other.means])
    padded = np.concatenate([one.shares, np.zeros(k)]), np.concatenate([np.zeros(m), other.shares])
    assert found == pytest.approx(float(pyemd.emd(*padded, cdist(points, points))), rel=1e-9)
