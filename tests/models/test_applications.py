"""Preprocessing of each keras.applications family against Keras' own function."""

import inspect
import sys

import keras
import numpy as np
import pytest

from fgtl.heads.linear import LinearHead
from fgtl.models.applications import DEVIATION, MEAN, use_imagenet_statistics
from fgtl.models.backbone import BACKBONES, build_network
from fgtl.models.stochastic_depth import dropping_layers, set_drop_path

IMAGES = np.random.default_rng(0).uniform(0, 255, (2, 6, 6, 3)).astype("float32")
NAMES = [name for name in BACKBONES.names() if BACKBONES[name].keras_name]


@pytest.mark.parametrize("name", NAMES)
def test_preprocessing_equals_that_of_keras(name: str) -> None:
    architecture = BACKBONES[name]
    module = sys.modules[inspect.unwrap(getattr(keras.applications, architecture.keras_name)).__module__]
    image = keras.Input((6, 6, 3))
    ours = keras.Model(image, keras.layers.Identity()(architecture.preprocess(image)))(IMAGES)
    np.testing.assert_allclose(ours, module.preprocess_input(IMAGES.copy()), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("name", ["inception_v3", "mobilenet_v2"])
def test_the_originals_range_of_minus_one_to_one(name: str) -> None:
    # Acceptance D1 and D2: grey 128 -> (128 / 255 - 0.5) * 2.
    shades = np.array([128, 0, 255], "float32")
    images = np.broadcast_to(shades[:, None, None, None], (3, 299, 299, 3))
    seen = keras.ops.convert_to_numpy(BACKBONES[name].preprocess(images))
    assert seen.shape == (3, 299, 299, 3)
    np.testing.assert_allclose(seen[0], 0.003922, rtol=0, atol=1e-6)
    assert (seen[1].min(), seen[1].max(), seen[2].min(), seen[2].max()) == (-1, -1, 1, 1)


def test_each_kind_of_preprocessing_is_among_them() -> None:
    assert {BACKBONES[name].preprocess.__name__ for name in NAMES} == {"raw", "centred", "standardised", "blue_first"}


def test_efficientnet_standardises_inside_the_trunk() -> None:
    trunk = build_network("efficientnet_b0", 32).trunk
    after = next(layer for layer in trunk.layers if isinstance(layer, keras.layers.Normalization)).output
    seen = keras.Model(trunk.input, after)(IMAGES[:, :6, :6].repeat(6, 1)[:, :32].repeat(6, 2)[:, :, :32])
    expected = (IMAGES.repeat(6, 1)[:, :32].repeat(6, 2)[:, :, :32] / 255 - MEAN) / DEVIATION
    np.testing.assert_allclose(seen, expected, rtol=1e-4, atol=1e-5)


def test_convnext_is_keras_own_network_and_can_drop_paths() -> None:
    backbone = build_network("convnext_tiny", 32)
    theirs = keras.applications.ConvNeXtTiny(include_top=False, weights=None, input_shape=(32, 32, 3))
    theirs.set_weights(backbone.trunk.get_weights())
    images = IMAGES.repeat(6, 1)[:, :32].repeat(6, 2)[:, :, :32]
    np.testing.assert_allclose(backbone.trunk(images), theirs(images), rtol=1e-4, atol=1e-6)
    assert set_drop_path(backbone, 0.3) == 18
    assert [layer.name for layer in dropping_layers(backbone)][::17] == [
        "convnext_tiny_stage_0_block_0_identity",
        "convnext_tiny_stage_3_block_2_identity",
    ]
    assert not np.array_equal(backbone.trunk(images, training=True), backbone.trunk(images))


def test_resnet_v2_has_slims_layout_and_its_own_epsilon() -> None:
    trunk = build_network("resnet50_v2", 32).trunk
    units = [layer for layer in trunk.layers if layer.name.endswith("_2_conv")]
    shrinking = [layer.name for layer in units if layer.strides == (2, 2)]
    assert shrinking == ["conv2_block3_2_conv", "conv3_block4_2_conv", "conv4_block6_2_conv"]
    biased = {layer.name.split("_", 2)[-1] for layer in trunk.layers if getattr(layer, "use_bias", False)}
    # "conv" is conv1_conv.
    assert biased == {"conv", "0_conv", "3_conv"}
    norms = [layer for layer in trunk.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert {norm.epsilon for norm in norms} == {1.001e-5}


@pytest.mark.slow
@pytest.mark.parametrize(("size", "grid"), [(299, 8), (448, 12), (560, 16)])
def test_inception_v3_runs_with_its_auxiliary_classifier_at_every_published_size(size: int, grid: int) -> None:
    """Acceptance E5: TF-Slim's cannot be built at 448 and 560."""
    backbone = build_network("inception_v3", size)
    # Two: the auxiliary classifier normalises a map of one cell, of which a single image would leave nothing.
    images = np.random.default_rng(1).uniform(0, 255, (2, size, size, 3)).astype("float32")
    maps = backbone(images)
    assert maps["taps"]["p5"].shape == (2, grid, grid, 2048)
    assert maps["features"].shape == (2, 2048) and backbone.feature_dim == 2048
    assert np.isfinite(maps["features"]).all() and np.std(maps["features"]) > 0
    outputs = LinearHead(5, aux_weight=0.4)(maps["taps"], maps["features"], training=True)
    assert outputs["logits"].shape == outputs["aux_logits"].shape == (2, 5)
    assert np.isfinite(outputs["aux_logits"]).all() and np.std(outputs["aux_logits"]) > 0


def test_statistics_that_somebody_adapted_are_left_alone() -> None:
    trunk = keras.Sequential([keras.Input((6, 6, 3)), keras.layers.Normalization(axis=-1)])
    trunk.layers[0].adapt_mean.assign([1.0, 2.0, 3.0])
    trunk.layers[0].adapt_variance.assign([4.0, 4.0, 4.0])
    use_imagenet_statistics(trunk)
    np.testing.assert_allclose(trunk(IMAGES), (IMAGES - [1, 2, 3]) / 2, rtol=1e-5, atol=1e-5)
