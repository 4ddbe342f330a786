"""Pyramid, selector and combiner one by one, against the published numbers and slow twins."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops
from plugin_reference import Reference

from fgtl.errors import InputError, UsageError
from fgtl.heads.plugin_combiner import Combiner
from fgtl.heads.plugin_layers import PointMap, dense, normalisation, rows_of
from fgtl.heads.plugin_levels import find_levels
from fgtl.heads.plugin_pyramid import Bilinear, Pyramid, bilinear_weights, token_grids
from fgtl.heads.plugin_selector import select


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


@pytest.mark.parametrize("level", [1, 2])
def test_the_selector_ranks_and_keeps_as_published(reference: Reference, level: int) -> None:
    """Acceptance A9, with tokens and with a map."""
    features, logits = reference.points(f"A/in/x/layer{level}"), reference[f"A/in/logits/layer{level}"]
    features, count = features.reshape(*logits.shape[:2], -1), int(reference[f"A/in/num_select/layer{level}"])
    kept, order = select(logits, count), reference[f"A/out/order/layer{level}"]
    np.testing.assert_array_equal(select(logits, logits.shape[1]).index, order)
    np.testing.assert_array_equal(kept.index, order[:, :count])
    np.testing.assert_allclose(kept.all_confidence, reference[f"A/out/conf/layer{level}"], atol=1e-6)
    np.testing.assert_allclose(rows_of(features, kept.index), reference[f"A/out/selection/layer{level}"], atol=1e-6)
    np.testing.assert_allclose(rows_of(logits, kept.index), reference[f"A/out/select_layer{level}"], atol=1e-6)
    np.testing.assert_array_equal(
        [np.flatnonzero(row) for row in np.asarray(kept.dropped())], np.sort(order[:, count:], axis=1)
    )


@pytest.mark.parametrize("level", [1, 2])
def test_without_a_pyramid_it_keeps_the_same_points_too(reference: Reference, level: int) -> None:
    """Fixture A2: the published classifiers straight on the taps, which the whole published model cannot do."""
    features = reference.points(f"A2/in/x/layer{level}")
    features = features.reshape(3, -1, features.shape[-1])
    name = f"A2/w/classifier_l_layer{level}"
    logits = features @ reference[f"{name}.weight"].T + reference[f"{name}.bias"]
    np.testing.assert_allclose(logits, reference[f"A2/out/logits/layer{level}"], atol=1e-5)
    kept = select(logits, int(reference[f"A2/in/num_select/layer{level}"]))
    np.testing.assert_allclose(rows_of(features, kept.index), reference[f"A2/out/selection/layer{level}"], atol=1e-6)


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 3), st.integers(2, 30), st.data(), st.integers(0, 2**31))
def test_each_point_is_either_kept_or_dropped_ties_or_not(batch: int, points: int, data: Any, seed: int) -> None:
    count = data.draw(st.integers(1, points - 1))
    # Few different logits: nearly everything ties.
    logits = np.random.default_rng(seed).integers(0, 2, (batch, points, 3)).astype("float32")
    kept = select(logits, count)
    for index, dropped in zip(np.asarray(kept.index), np.asarray(kept.dropped()), strict=True):
        assert sorted([*index, *np.flatnonzero(dropped)]) == list(range(points))
    # Of equal ones the first.
    expected = np.argsort(-np.asarray(kept.all_confidence), axis=1, kind="stable")[:, :count]
    np.testing.assert_array_equal(kept.index, expected)


def test_a_constant_for_all_classes_of_a_point_does_not_change_its_rank() -> None:
    """Acceptance A14: a factor for all points can."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(4, 50, 6)).astype("float32")
    order = np.asarray(select(logits, 50).index)
    moved = logits + rng.normal(size=(4, 50, 1)).astype("float32")
    np.testing.assert_array_equal(select(moved, 50).index, order)
    assert not np.array_equal(select(5 * logits, 50).index, order)


def test_half_precision_logits_are_ranked_in_float32() -> None:
    logits = np.zeros((1, 2, 2), "float16")
    logits[0, :, 0] = [14, 15]
    # In float16 both confidences are 1.
    assert list(np.asarray(select(logits, 2).index)[0]) == [1, 0]


def test_rows_are_taken_from_each_images_own_points() -> None:
    rng = np.random.default_rng(0)
    points, index = rng.normal(size=(3, 7, 2)).astype("float32"), rng.integers(0, 7, (3, 4))
    np.testing.assert_array_equal(rows_of(points, index), np.take_along_axis(points, index[..., None], axis=1))


@pytest.fixture
def combiner(reference: Reference) -> Combiner:
    layer = Combiner(7, 96, 16, 0.0, name="combiner")
    layer.build()
    reference.load(layer.weights, "B/w/")
    return layer


@pytest.mark.parametrize(("training", "expected"), [(False, "B/eval"), (True, "B/train_nodrop")])
def test_the_combiner_has_the_published_intermediates_and_logits(
    reference: Reference, combiner: Combiner, training: bool, expected: str
) -> None:
    """Acceptance A8."""
    kept = np.concatenate([reference[f"B/in/layer{n}"] for n in range(1, 5)], axis=1)
    theirs = {
        name: reference[f"{expected}/{name}"] for name in ("pool0", "A", "conv1", "graph", "bn", "pool1", "logits")
    }
    # Channels come second there.
    close = lambda ours, name: np.testing.assert_allclose(np.swapaxes(ours, 1, 2), theirs[name], atol=1e-5)  # noqa: E731
    joints = combiner.pool(kept)
    close(joints, "pool0")
    np.testing.assert_allclose(combiner.edges(joints), theirs["A"], atol=1e-5)
    mixed = combiner.convolution(joints)
    close(mixed, "conv1")
    graph = ops.einsum("bif,bij->bjf", mixed, theirs["A"])
    close(graph, "graph")
    statistics = [np.array(variable) for variable in combiner.norm.non_trainable_variables]
    normed = combiner.norm(graph[:, :, None], training=training)[:, :, 0]
    close(normed, "bn")
    close(combiner.joint_pool(normed), "pool1")
    for variable, value in zip(combiner.norm.non_trainable_variables, statistics, strict=True):
        variable.assign(value)
    np.testing.assert_allclose(combiner(kept, training=training), theirs["logits"], atol=1e-5)
    if training:
        np.testing.assert_allclose(combiner.norm.moving_mean, reference[f"{expected}/bn_running_mean_after"], atol=1e-5)
        # Nine positions: the published statistics average the unbiased variance.
        unbiased = (reference[f"{expected}/bn_running_var_after"] - 0.9 * statistics[1]) * 8 / 9
        np.testing.assert_allclose(combiner.norm.moving_variance, 0.9 * statistics[1] + unbiased, atol=1e-5)


def test_it_starts_with_edges_that_do_not_depend_on_the_image(reference: Reference) -> None:
    """Acceptance A7."""
    layer = Combiner(7, 96, 16, 0.1)
    layer.build()
    np.testing.assert_allclose(layer.adjacency, reference["B/init_adj1"], atol=1e-7)
    np.testing.assert_allclose(layer.adjacency, np.full((3, 3), 0.01) + 0.01 * np.eye(3), atol=1e-7)
    assert float(layer.alpha) == 0
    edges = layer.edges(np.random.default_rng(0).normal(size=(5, 3, 16)).astype("float32"))
    np.testing.assert_array_equal(edges, np.broadcast_to(layer.adjacency, (5, 3, 3)))


def test_forty_points_make_one_joint() -> None:
    layer = Combiner(3, 40, 8, 0.0)
    assert layer(np.ones((2, 40, 8), "float32")).shape == (2, 3)
    assert layer.adjacency.shape == (1, 1)


def test_only_the_order_of_the_kept_points_matters_to_the_combiner(combiner: Combiner) -> None:
    """Acceptance A13, second half."""
    kept = np.random.default_rng(0).normal(size=(2, 96, 16)).astype("float32")
    assert not np.allclose(combiner(kept), combiner(kept[:, ::-1]), atol=1e-3)


def test_its_dropout_works_in_training_only() -> None:
    layer, kept = Combiner(3, 64, 8, 0.5), np.random.default_rng(0).normal(size=(2, 64, 8)).astype("float32")
    assert np.array_equal(layer(kept, training=False), layer(kept, training=False))
    assert not np.array_equal(layer(kept, training=True), layer(kept, training=True))


@pytest.mark.parametrize("build", [lambda: dense(400, 100, "d"), lambda: PointMap(100, 400)])
def test_weights_and_biases_start_uniform_within_the_root_of_the_inputs(build: Any) -> None:
    keras.utils.set_random_seed(0)
    layer = build()
    if not layer.built:
        layer.build()
    for values in (np.asarray(layer.kernel), np.asarray(layer.bias)):
        assert 0.095 < abs(values).max() <= 0.1
        assert np.std(values) == pytest.approx(0.1 / np.sqrt(3), rel=0.1)


def test_batch_normalisation_has_the_published_constants() -> None:
    layer = normalisation(4, "norm")
    assert (layer.momentum, layer.epsilon) == (0.9, 1e-5)
