"""The linear head against its formula."""

import keras
import numpy as np
import pytest

from fgtl.heads.linear import LinearHead
from fgtl.losses.cross_entropy import smoothed_cross_entropy

FEATURES = np.random.default_rng(0).normal(size=(5, 8)).astype("float32")
LABELS = np.array([0, 1, 2, 3, 0])


def test_inception_features_and_two_hundred_birds_make_409800_weights() -> None:
    head = LinearHead(200)
    head({}, np.zeros((1, 2048), "float32"))
    assert sum(int(np.prod(variable.shape)) for variable in head.trainable_variables) == 2048 * 200 + 200 == 409_800


def test_outputs_are_an_affine_map_and_probabilities_its_softmax() -> None:
    head = LinearHead(4)
    outputs = head({}, FEATURES)
    kernel, bias = (keras.ops.convert_to_numpy(variable) for variable in head.logits.variables)
    logits = FEATURES @ kernel + bias
    np.testing.assert_allclose(outputs["logits"], logits, rtol=1e-5, atol=1e-6)
    expected = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    np.testing.assert_allclose(head.predict(outputs), expected, rtol=1e-5)


def test_the_one_term_is_the_smoothed_cross_entropy() -> None:
    head = LinearHead(4, label_smoothing=0.1)
    outputs = head({}, FEATURES)
    weights = np.array([1, 1, 0, 1, 0], "float32")
    terms = head.loss(outputs, LABELS, weights)
    assert list(terms) == ["cross_entropy"]
    expected = smoothed_cross_entropy(outputs["logits"], LABELS, 0.1, weights)
    assert float(terms["cross_entropy"]) == pytest.approx(float(expected))


def test_zeros_start_at_uniform_predictions() -> None:
    head = LinearHead(4, initializer="zeros")
    np.testing.assert_allclose(head.predict(head({}, FEATURES)), 0.25)


def test_dropout_works_in_training_only() -> None:
    head = LinearHead(4, dropout=0.5)
    calm = [np.asarray(head({}, FEATURES, training=False)["logits"]) for _ in range(2)]
    assert np.array_equal(*calm)
    assert not np.array_equal(calm[0], head({}, FEATURES, training=True)["logits"])


def test_logits_are_float32_under_mixed_precision() -> None:
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        outputs = LinearHead(4)({}, keras.ops.cast(FEATURES, "bfloat16"))
    finally:
        keras.config.set_dtype_policy("float32")
    assert "float32" in str(outputs["logits"].dtype)


def test_the_config_makes_the_same_head() -> None:
    head = LinearHead(7, dropout=0.2, label_smoothing=0.1, initializer="zeros", aux_weight=0.4)
    again = LinearHead.from_config(head.get_config())
    assert again.get_config() == head.get_config()
    assert (again.classes, again.rate, again.label_smoothing, again.aux_weight) == (7, 0.2, 0.1, 0.4)


def test_labels_may_be_distributions() -> None:
    head = LinearHead(4, label_smoothing=0.1)
    outputs = head({}, FEATURES)
    rows = np.eye(4, dtype="float32")[LABELS]
    expected = float(head.loss(outputs, LABELS)["cross_entropy"])
    assert float(head.loss(outputs, rows)["cross_entropy"]) == pytest.approx(expected, rel=1e-6)
