"""The auxiliary classifier: its windows, its counts, when it runs, and what it cannot stand on."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fgtl.errors import UsageError
from fgtl.heads.auxiliary import AuxiliaryClassifier, mean_over_windows, window_weights
from fgtl.heads.classifier import Classifier, load_classifier
from fgtl.heads.head import total_loss
from fgtl.heads.linear import LinearHead
from fgtl.models.backbone import Backbone, build_network

RNG = np.random.default_rng(0)
LABELS = np.array([0, 2])


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return build_network("mobilenet_v2", 96)


@pytest.fixture(scope="module")
def classifier(backbone: Backbone) -> Classifier:
    return Classifier(backbone, LinearHead(3, aux_weight=0.4))


def taps_of(size: int, channels: int = 768) -> dict[str, np.ndarray]:
    return {"p4": RNG.normal(size=(2, size, size, channels)).astype("float32")}


def run(head: LinearHead, size: int = 17, channels: int = 768, features: int = 2048, training: bool = True) -> Any:
    return head(taps_of(size, channels), np.ones((2, features), "float32"), training=training)


def weights_in(variables: list[Any]) -> int:
    return sum(int(np.prod(variable.shape)) for variable in variables)


def test_at_299_pixels_it_pools_as_slim_does() -> None:
    grid = taps_of(17, 3)["p4"]
    expected = [[grid[:, 3 * i : 3 * i + 5, 3 * j : 3 * j + 5].mean((1, 2)) for j in range(5)] for i in range(5)]
    np.testing.assert_allclose(mean_over_windows(grid), np.moveaxis(expected, 2, 0), rtol=1e-5, atol=1e-6)
    pooled = keras.layers.AveragePooling2D(5, 3, padding="valid")(grid)
    np.testing.assert_allclose(mean_over_windows(grid), pooled, rtol=1e-5, atol=1e-6)


def test_rows_and_columns_are_pooled_by_their_own_length() -> None:
    grid = RNG.normal(size=(1, 5, 10, 2)).astype("float32")
    expected = grid.reshape(1, 5, 5, 2, 2).mean(3)
    np.testing.assert_allclose(mean_over_windows(grid), expected, rtol=1e-5, atol=1e-6)


@given(st.integers(1, 70))
def test_windows_are_equal_reach_from_edge_to_edge_and_leave_nothing_out(size: int) -> None:
    weights = window_weights(size)
    np.testing.assert_allclose(weights.sum(1), 1, rtol=1e-6)
    assert (weights.sum(0) > 0).all()
    assert weights[0, 0] > 0 and weights[4, -1] > 0
    if size >= 5:
        lengths = (weights > 0).sum(1)
        assert len(set(lengths)) == 1
        assert len(set(np.diff((weights > 0).argmax(1)))) == 1


def test_inception_v3_and_200_birds_make_3120400_weights_in_the_head() -> None:
    # Acceptance E4.
    head = LinearHead(200, aux_weight=0.4)
    run(head)
    assert weights_in(head.auxiliary.trainable_variables) == 98_304 + 128 + 2_457_600 + 768 + 153_800 == 2_710_600
    assert weights_in(head.trainable_variables) == 409_800 + 2_710_600 == 3_120_400


def test_uniform_logits_lose_one_and_four_tenths_of_ln_200() -> None:
    # Acceptance E3.
    head = LinearHead(200, initializer="zeros", aux_weight=0.4)
    terms = head.loss(run(head), LABELS)
    assert list(terms) == ["cross_entropy", "aux_cross_entropy"]
    assert float(terms["aux_cross_entropy"]) == pytest.approx(5.298317, abs=1e-5)
    assert float(total_loss(head, terms)) == pytest.approx(7.417644, abs=1e-5)


def test_smoothing_and_row_weights_reach_its_term() -> None:
    head = LinearHead(4, label_smoothing=0.1, aux_weight=0.4)
    outputs = run(head, 6, 8, 5)
    logits = np.asarray(outputs["aux_logits"], "float64")[1]
    log_p = logits - np.log(np.exp(logits).sum())
    expected = -(np.eye(4)[2] * 0.9 + 0.1 / 4) @ log_p
    terms = head.loss(outputs, LABELS, np.array([0.0, 1.0], "float32"))
    assert float(terms["aux_cross_entropy"]) == pytest.approx(expected, rel=1e-4)


def test_its_normalisation_follows_the_training_flag() -> None:
    layer = AuxiliaryClassifier(3, "glorot_uniform")
    grid = taps_of(7, 8)["p4"]
    norms = (layer.reduce_norm, layer.join_norm)
    layer(grid, training=False)
    assert [float(np.abs(norm.moving_mean).sum()) for norm in norms] == [0, 0]
    layer(grid, training=True)
    assert all(float(np.abs(norm.moving_mean).sum()) > 0 for norm in norms)
    assert {(norm.momentum, norm.epsilon, norm.scale) for norm in norms} == {(0.9997, 1e-3, False)}


def test_it_is_its_layers_one_after_the_other() -> None:
    layer = AuxiliaryClassifier(3, "glorot_uniform")
    grid = taps_of(17, 8)["p4"][:1]
    got = layer(grid, training=False)
    reduce, join = (np.asarray(kernel) for kernel in (layer.reduce.kernel, layer.join.kernel))
    pooled = np.asarray(keras.layers.AveragePooling2D(5, 3)(grid))[0]
    # Fresh statistics: mean 0, variance 1.
    first = np.maximum(pooled @ reduce[0, 0] / np.sqrt(1.001), 0)
    second = np.maximum(np.tensordot(first, join, 3) / np.sqrt(1.001), 0)
    np.testing.assert_allclose(got[0], second @ np.asarray(layer.logits.kernel), rtol=1e-3, atol=1e-5)


def test_logits_are_float32_under_mixed_precision() -> None:
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        outputs = run(LinearHead(4, aux_weight=0.4), 6, 8, 5)
    finally:
        keras.config.set_dtype_policy("float32")
    assert "float32" in str(outputs["aux_logits"].dtype)


def test_it_is_not_computed_in_inference(classifier: Classifier) -> None:
    images = RNG.uniform(0, 255, (2, 96, 96, 3)).astype("float32")
    assert list(classifier(images, training=False)) == ["logits"]
    assert list(classifier(images)) == ["logits"]
    terms = classifier.head.loss(classifier(images), LABELS)
    assert list(terms) == ["cross_entropy"]


def test_in_training_the_classifier_gives_both_by_their_names(classifier: Classifier) -> None:
    images = RNG.uniform(0, 255, (2, 96, 96, 3)).astype("float32")
    outputs = classifier(images, training=True)
    assert set(outputs) == {"logits", "aux_logits"}
    assert not np.array_equal(outputs["logits"], outputs["aux_logits"])


def test_a_saved_classifier_has_it_with_the_same_outputs(classifier: Classifier, tmp_path: Path) -> None:
    classifier.save(tmp_path / "model.keras")
    again = load_classifier(tmp_path / "model.keras")
    assert again.get_config() == classifier.get_config()
    grid = taps_of(6, 96)["p4"]
    assert np.array_equal(again.head.auxiliary(grid), classifier.head.auxiliary(grid))
    images = RNG.uniform(0, 255, (2, 96, 96, 3)).astype("float32")
    assert np.array_equal(again(images)["logits"], classifier(images)["logits"])


@pytest.mark.parametrize(
    ("taps", "what"),
    [
        ({}, "taps are none"),
        ({"p5": np.ones((2, 3, 3, 8), "float32")}, "taps are p5"),
        ({"p4": np.ones((2, 36, 8), "float32")}, r"sequence of tokens \(2, 36, 8\)"),
    ],
)
def test_without_a_grid_of_stride_16_it_says_what_there_is(taps: dict[str, Any], what: str) -> None:
    with pytest.raises(UsageError, match=what + r"[\s\S]*a grid of stride 16"):
        LinearHead(3, aux_weight=0.4)(taps, np.ones((2, 5), "float32"))


def test_without_a_weight_there_is_none() -> None:
    head = LinearHead(200)
    run(head)
    assert head.auxiliary is None
    assert head.loss_weights == {}
    assert weights_in(head.trainable_variables) == 409_800
