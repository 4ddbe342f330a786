"""What every backbone does: its outputs, its errors, its file."""

from pathlib import Path

import keras
import numpy as np
import pytest

from fgtl.errors import InputError, UsageError
from fgtl.models.backbone import BACKBONES, Backbone, build_network

IMAGES = np.random.default_rng(0).uniform(0, 255, (2, 64, 64, 3)).astype("float32")


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return build_network("mobilenet_v2", 64)


def test_outputs_are_the_taps_and_the_mean_of_the_deepest(backbone: Backbone) -> None:
    outputs = backbone(IMAGES)
    assert {name: map.shape[1:] for name, map in outputs["taps"].items()} == {
        tap.name: (*tap.grid, tap.channels) for tap in backbone.taps
    }
    assert backbone.feature_dim == 1280
    np.testing.assert_allclose(
        outputs["features"], np.asarray(outputs["taps"]["p5"]).mean((1, 2)), rtol=1e-5, atol=1e-6
    )


def test_it_is_keras_own_network_on_keras_own_preprocessing(backbone: Backbone) -> None:
    expected = backbone.trunk(keras.applications.mobilenet_v2.preprocess_input(IMAGES.copy()))
    np.testing.assert_allclose(backbone(IMAGES)["taps"]["p5"], expected, rtol=1e-4, atol=1e-5)


def test_bytes_are_taken_as_they_are(backbone: Backbone) -> None:
    whole = IMAGES.astype("uint8")
    assert np.array_equal(backbone(whole)["features"], backbone(whole.astype("float32"))["features"])


def test_the_trunk_shares_its_variables(backbone: Backbone) -> None:
    assert {id(variable) for variable in backbone.trunk.variables} == {id(variable) for variable in backbone.variables}
    backbone.trunk.trainable = False
    assert not backbone.trainable_variables
    backbone.trunk.trainable = True
    assert backbone.trainable_variables


def test_a_saved_backbone_gives_the_same_bits(backbone: Backbone, tmp_path: Path) -> None:
    backbone.save(tmp_path / "backbone.keras")
    again = keras.saving.load_model(tmp_path / "backbone.keras", safe_mode=True)
    assert isinstance(again, Backbone)
    assert again.get_config() == backbone.get_config()
    assert backbone.get_config() == {"name": "mobilenet_v2", "input_size": 64, "spec": {}, "taps": []}
    assert np.array_equal(again(IMAGES)["features"], backbone(IMAGES)["features"])


def test_features_are_float32_under_mixed_precision() -> None:
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        outputs = build_network("mobilenet_v2", 32)(IMAGES[:, :32, :32])
    finally:
        keras.config.set_dtype_policy("float32")
    assert "float32" in str(outputs["features"].dtype)
    assert "bfloat16" in str(outputs["taps"]["p5"].dtype)


def test_no_size_means_the_size_of_the_published_weights() -> None:
    assert build_network("mobilenet_v3_small").input_size == 224


def test_too_small_an_image_is_refused_with_the_smallest() -> None:
    with pytest.raises(InputError, match=r"74 pixels[\s\S]*at least 75"):
        build_network("inception_v3", 74)


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(UsageError, match="Did you mean 'mobilenet_v2'"):
        build_network("mobilnet_v2")


def test_all_names_are_those_of_keras_in_snake_case() -> None:
    known = {entry.keras_name for entry in map(BACKBONES.__getitem__, BACKBONES.names())} - {""}
    classes = {name for name in dir(keras.applications) if callable(getattr(keras.applications, name))}
    assert known == classes
