"""Residual branches that are left out in training."""

from pathlib import Path

import keras
import numpy as np
import pytest

from fgtl.errors import InputError
from fgtl.models.backbone import Backbone, build_network
from fgtl.models.stochastic_depth import DropPath, dropping_layers, set_drop_path

IMAGES = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3)).astype("float32")


@pytest.fixture(scope="module")
def resnet() -> Backbone:
    return build_network("resnet18_v1_5", 32)


def test_a_branch_is_left_out_of_whole_images_and_its_mean_stays() -> None:
    dropped = np.asarray(DropPath(0.25, seed=0)(np.ones((4000, 2, 3, 1), "float32"), training=True)).reshape(4000, 6)
    assert np.array_equal(dropped.min(1), dropped.max(1))
    np.testing.assert_allclose(np.unique(dropped), [0, 1 / 0.75], rtol=1e-6)
    # Four standard deviations of 4000 draws.
    assert (dropped[:, 0] == 0).mean() == pytest.approx(0.25, abs=4 * np.sqrt(0.25 * 0.75 / 4000))


def test_inference_and_rate_zero_leave_the_input_as_it_is() -> None:
    x = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")
    assert np.array_equal(DropPath(0.9)(x), x)
    assert np.array_equal(DropPath(0.9)(x, training=False), x)
    assert np.array_equal(DropPath(0.0)(x, training=True), x)


def test_half_precision_stays_half() -> None:
    x = keras.ops.ones((4, 2), "bfloat16")
    assert "bfloat16" in str(DropPath(0.5, dtype="bfloat16")(x, training=True).dtype)


def test_the_rate_rises_with_depth_to_the_one_that_was_asked_for(resnet: Backbone) -> None:
    assert set_drop_path(resnet, 0.4) == 8
    rates = {layer.name: layer.rate for layer in dropping_layers(resnet)}
    names = [f"layer{stage}_{index}_drop" for stage in (1, 2, 3, 4) for index in (0, 1)]
    assert list(rates) == names
    np.testing.assert_allclose(list(rates.values()), 0.4 * np.arange(1, 9) / 8)


def test_it_is_on_in_training_only_and_can_be_switched_off(resnet: Backbone) -> None:
    set_drop_path(resnet, 0.0)
    calm = np.asarray(resnet(IMAGES, training=True)["features"])
    assert np.array_equal(resnet(IMAGES, training=True)["features"], calm)
    set_drop_path(resnet, 0.9)
    assert not np.array_equal(resnet(IMAGES, training=True)["features"], calm)
    assert np.array_equal(resnet(IMAGES)["features"], resnet(IMAGES)["features"])
    set_drop_path(resnet, 0.0)
    assert np.array_equal(resnet(IMAGES, training=True)["features"], calm)


@pytest.mark.parametrize(
    ("name", "layers"),
    [("efficientnet_b0", 9), pytest.param("efficientnet_v2_b0", 15, marks=pytest.mark.slow), ("mobilenet_v2", 0)],
)
def test_networks_of_keras_have_it_in_each_block_that_keras_drops(name: str, layers: int) -> None:
    backbone = build_network(name, 32)
    assert set_drop_path(backbone, 0.3) == layers
    rates = [layer.rate for layer in dropping_layers(backbone)]
    np.testing.assert_allclose(rates, 0.3 * np.arange(1, layers + 1) / max(layers, 1))


@pytest.mark.slow
def test_swin_of_keras_hub_has_it() -> None:
    hub = pytest.importorskip("keras_hub")
    trunk = hub.models.SwinTransformerBackbone(
        image_shape=(224, 224, 3), patch_size=4, embed_dim=8, depths=[1, 1, 2, 1], num_heads=[1, 1, 2, 4], window_size=7
    )
    backbone = type("Hub", (), {"trunk": trunk})()
    assert set_drop_path(backbone, 0.4) == 4
    np.testing.assert_allclose([layer.drop_prob for layer in dropping_layers(backbone)], [0.1, 0.2, 0.3, 0.4])


def test_the_weight_file_and_the_config_do_not_know_it(resnet: Backbone, tmp_path: Path) -> None:
    set_drop_path(resnet, 0.5)
    resnet.save(tmp_path / "backbone.keras")
    again = keras.saving.load_model(tmp_path / "backbone.keras", safe_mode=True)
    assert again.get_config() == resnet.get_config()
    assert {layer.rate for layer in dropping_layers(again)} == {0.0}
    assert np.array_equal(again(IMAGES)["features"], resnet(IMAGES)["features"])


@pytest.mark.parametrize("rate", [-0.1, 1.0, float("nan")])
def test_a_rate_out_of_range_is_refused(resnet: Backbone, rate: float) -> None:
    with pytest.raises(InputError, match="0 <= rate < 1"):
        set_drop_path(resnet, rate)
