"""The pyramid and its joints: against the published numbers, a slow bilinear twin, and what cannot be joined."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops
from plugin_reference import Reference

from fgtl.errors import InputError, UsageError
from fgtl.heads.plugin_layers import PointMap
from fgtl.heads.plugin_levels import find_levels
from fgtl.heads.plugin_pyramid import Bilinear, Pyramid, bilinear_weights, token_grids


@pytest.fixture(scope="module")
def reference(shared: Path) -> Reference:
    return Reference(shared)


@pytest.mark.parametrize(
    ("case", "upsample"), [("C1", "points"), ("C1", "auto"), ("C2", "doubling"), ("C2", "bilinear")]
)
def test_the_pyramid_is_the_published_one(reference: Reference, case: str, upsample: str) -> None:
    """Acceptance A10."""
    maps = [reference.points(f"{case}/in/layer{n}") for n in (1, 2, 3)]
    levels = find_levels({f"p{n}": x.shape for n, x in enumerate(maps, 1)})
    pyramid = Pyramid(levels, 8, upsample, name="pyramid")
    pyramid.build()
    reference.load(pyramid.weights, f"{case}/w/")
    flat = [x.reshape(3, -1, x.shape[-1]) for x in maps]
    for n, points in enumerate(pyramid(flat), 1):
        expected = reference.points(f"{case}/out/layer{n}")
        np.testing.assert_allclose(points, expected.reshape(3, -1, 8), atol=1e-5)


def slow_bilinear(grid: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """(H, W) -> (rows, columns), one cell at a time: half-pixel centres, the edge repeated."""
    height, width = grid.shape
    out = np.zeros((rows, columns))
    for r in range(rows):
        for c in range(columns):
            y, x = (r + 0.5) * height / rows - 0.5, (c + 0.5) * width / columns - 0.5
            top, left = int(np.floor(y)), int(np.floor(x))
            for i, wy in ((top, 1 - (y - top)), (top + 1, y - top)):
                for j, wx in ((left, 1 - (x - left)), (left + 1, x - left)):
                    out[r, c] += wy * wx * grid[np.clip(i, 0, height - 1), np.clip(j, 0, width - 1)]
    return out


@settings(deadline=None, max_examples=15)
@given(
    st.tuples(*[st.integers(1, 7)] * 2), st.tuples(*[st.integers(0, 9)] * 2), st.integers(0, 2), st.integers(0, 2**31)
)
def test_any_grid_is_brought_to_any_finer_one_and_prefix_tokens_are_carried_over(
    coarse: tuple[int, int], more: tuple[int, int], prefix: int, seed: int
) -> None:
    fine = (coarse[0] + more[0], coarse[1] + more[1])
    points = np.random.default_rng(seed).normal(size=(2, prefix + coarse[0] * coarse[1], 3)).astype("float32")
    finer = np.asarray(Bilinear(coarse, fine, prefix)(points))
    assert finer.shape == (2, prefix + fine[0] * fine[1], 3)
    np.testing.assert_array_equal(finer[:, :prefix], points[:, :prefix])
    for image in range(2):
        for channel in range(3):
            expected = slow_bilinear(points[image, prefix:, channel].reshape(coarse), *fine)
            np.testing.assert_allclose(finer[image, prefix:, channel].reshape(fine), expected, atol=1e-5)


def test_fifteen_cells_from_eight_are_those_that_keras_resizes_to() -> None:
    grid = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype("float32")
    expected = ops.image.resize(grid, (15, 15), interpolation="bilinear")
    finer = Bilinear((8, 8), (15, 15), 0)(grid.reshape(2, 64, 3))
    np.testing.assert_allclose(np.reshape(finer, (2, 15, 15, 3)), expected, atol=1e-5)
    np.testing.assert_allclose(bilinear_weights(15, 8).sum(1), 1, rtol=1e-6)


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        ((144, 36), (0, [(12, 12), (6, 6)])),
        ((197, 50), (1, [(14, 14), (7, 7)])),
        ((201,), (5, [(14, 14)])),
        ((21, 9), (5, [(4, 4), (2, 2)])),
        ((20, 9), None),
    ],
)
def test_tokens_lie_on_squares_behind_the_fewest_prefix_tokens(tokens: tuple[int, ...], expected: Any) -> None:
    assert token_grids(*tokens) == expected


def pyramid_on(*shapes: tuple[int | None, ...], upsample: str) -> Pyramid:
    pyramid = Pyramid(find_levels({f"p{n}": (None, *shape) for n, shape in enumerate(shapes, 2)}), 4, upsample)
    pyramid.build()
    return pyramid


@pytest.mark.parametrize(
    ("shapes", "upsample", "message"),
    [
        ([(15, 15, 3), (8, 8, 3)], "doubling", r"level1 \(tap p2, 15x15\) is not twice level2 \(tap p3, 8x8\)"),
        ([(16, 16, 3), (4, 4, 3)], "doubling", "is not twice"),
        ([(144, 3), (36, 3)], "doubling", "cannot be joined"),
        ([(20, 3), (9, 3)], "bilinear", r"level1 \(tap p2, 20 tokens\) and level2"),
        ([(16, 16, 3), (64, 3)], "bilinear", "cannot be joined"),
    ],
)
def test_levels_that_cannot_be_joined_as_asked_are_named(shapes: Any, upsample: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        pyramid_on(*shapes, upsample=upsample)


@pytest.mark.parametrize(
    ("shapes", "upsample", "kind"),
    [
        ([(15, 15, 3), (8, 8, 3)], "auto", Bilinear),
        ([(15, 15, 3), (8, 8, 3)], "points", PointMap),
        ([(144, 3), (36, 3)], "auto", PointMap),
        ([(145, 3), (37, 3)], "bilinear", Bilinear),
        ([(16, 16, 3), (64, 3)], "auto", PointMap),
        ([(16, 16, 3), (16, 16, 3)], "points", type(None)),
        ([(37, 3), (37, 3)], "doubling", type(None)),
    ],
)
def test_levels_are_joined_by_what_fits_them(shapes: Any, upsample: str, kind: type) -> None:
    assert isinstance(pyramid_on(*shapes, upsample=upsample).up[0], kind)


def test_maps_of_another_size_than_it_was_built_for_are_refused() -> None:
    pyramid = pyramid_on((144, 3), (36, 3), upsample="points")
    with pytest.raises(InputError, match=r"level1 \(tap p2, 144 tokens\) came with 196 points[\s\S]*144"):
        pyramid([np.zeros((1, 196, 3), "float32"), np.zeros((1, 49, 3), "float32")])
