"""The combiner: the published intermediates; and how all layers of the plug-in start."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops
from plugin_reference import Reference

from fgtl.heads.plugin_combiner import Combiner
from fgtl.heads.plugin_layers import PointMap, dense, normalisation


@pytest.fixture(scope="module")
def reference(shared: Path) -> Reference:
    return Reference(shared)


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
