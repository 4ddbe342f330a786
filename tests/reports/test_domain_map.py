"""The map of domains: the right directions, a point a class, and how much it shows."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fgtl.reports.domain_map import domain_map, flattened
from fgtl.reports.figures import to_png


@dataclass(frozen=True)
class Cloud:
    name: str
    means: np.ndarray
    shares: np.ndarray


def cloud(name: str, classes: int, seed: int = 0, width: int = 5) -> Cloud:
    rng = np.random.default_rng(seed)
    weights = rng.integers(1, 99, classes)
    return Cloud(name, rng.normal(seed, 1, (classes, width)).astype(np.float32), weights / weights.sum())


@given(st.integers(3, 12), st.integers(2, 12), st.integers(0, 2**31))
def test_the_directions_are_those_of_a_singular_value_decomposition(count: int, width: int, seed: int) -> None:
    means = np.random.default_rng(seed).normal(size=(count, width)) * np.arange(1, width + 1)
    centred = means - means.mean(axis=0)
    _, spread, directions = np.linalg.svd(centred, full_matrices=False)
    points, shown = flattened(means)
    np.testing.assert_allclose(np.abs(points), np.abs(centred @ directions[:2].T), atol=1e-6 * spread[0])
    assert shown == pytest.approx(np.sum(spread[:2] ** 2) / np.sum(spread**2))
    assert (points.max(axis=0) >= -points.min(axis=0) - 1e-9).all()


def test_points_of_a_plane_keep_their_distances() -> None:
    plane = (
        np.random.default_rng(0).normal(size=(6, 2)) @ np.linalg.qr(np.random.default_rng(1).normal(size=(7, 2)))[0].T
    )
    points, shown = flattened(plane)
    apart = [np.linalg.norm(one[:, None] - one[None], axis=2) for one in (plane, points)]
    np.testing.assert_allclose(*apart, atol=1e-9)
    assert shown == pytest.approx(1)


@pytest.mark.parametrize("means", [np.ones((1, 4)), np.ones((3, 4)), np.arange(3.0)[:, None]])
def test_few_points_and_few_dimensions_are_a_map_too(means: np.ndarray) -> None:
    points, shown = flattened(means)
    assert points.shape == (len(means), 2) and np.isfinite(points).all() and shown == pytest.approx(1)


def test_each_domain_has_its_points_and_its_name() -> None:
    sources, target = [cloud("wild", 4), cloud("things", 7, 1)], cloud("<birds>", 3, 2)
    (axes,) = domain_map(sources, [target], "three domains").axes
    assert [len(one.get_offsets()) for one in axes.collections] == [4, 7, 3]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["wild", "things", "<birds>"]
    discs, _, triangles = (one.get_paths()[0].vertices for one in axes.collections)
    assert len(discs) > len(triangles)
    points = np.concatenate([one.get_offsets() for one in axes.collections])
    np.testing.assert_allclose(points, flattened(np.concatenate([one.means for one in (*sources, target)]))[0])
    sizes = axes.collections[0].get_sizes()
    assert (np.argsort(sizes) == np.argsort(sources[0].shares)).all()
    assert axes.get_title("left") == "three domains"
    assert to_png(axes.figure)
