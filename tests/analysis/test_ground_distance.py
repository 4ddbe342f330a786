"""Distances of all pairs equal those by differences, also where the expanded square would lose all digits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fgtl.analysis import ground_distance
from fgtl.analysis.ground_distance import distances
from fgtl.errors import InputError


def slow(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.array([[np.sqrt(np.sum((a - b) ** 2)) for b in other] for a in one])


@settings(deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 40), st.floats(-6, 6), st.integers(0, 2**31))
def test_equals_the_differences(m: int, k: int, dim: int, magnitude: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    one, other = rng.normal(size=(m, dim)) * 10**magnitude, rng.normal(size=(k, dim))
    np.testing.assert_allclose(distances(one, other), slow(one, other), rtol=1e-9)


def test_near_points_far_from_the_origin_keep_their_digits() -> None:
    rng = np.random.default_rng(0)
    one = 1e6 + rng.normal(size=(20, 64))
    other = one + rng.normal(size=one.shape) * 10.0 ** rng.uniform(-6, 0, (20, 1))
    np.testing.assert_allclose(distances(one, other), slow(one, other), rtol=1e-9)


def test_equal_points_are_exactly_0_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ground_distance, "_PAIRS", 7)
    points = np.random.default_rng(1).normal(size=(30, 100)).astype(np.float32)
    found = distances(points, points)
    assert (np.diag(found) == 0).all()
    assert (found[~np.eye(30, dtype=bool)] > 0).all()
    np.testing.assert_array_equal(distances(np.ones((3, 5)), np.ones((4, 5))), 0)


def test_no_distance_in_2048_dimensions_is_off_by_1e_10() -> None:
    """Just above and below where differences are taken."""
    rng = np.random.default_rng(2)
    one = rng.normal(size=(40, 2048))
    steps = rng.normal(size=one.shape) * np.geomspace(0.3, 3, 40)[:, None] * np.sqrt(2 * ground_distance._CLOSE)
    other = one + steps
    wanted = np.linalg.norm(one.astype(np.longdouble) - other.astype(np.longdouble), axis=1).astype(np.float64)
    np.testing.assert_allclose(np.diag(distances(one, other)), wanted, rtol=1e-10)


def test_other_shapes_are_refused() -> None:
    with pytest.raises(InputError, match="2 and of 3 numbers"):
        distances(np.ones((1, 2)), np.ones((1, 3)))
    with pytest.raises(InputError, match=r"\(m, D\)"):
        distances(np.ones(2), np.ones((1, 2)))
