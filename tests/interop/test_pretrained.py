"""Weights into backbones from every kind of file: whole, or an error."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import URLError

import h5py
import keras
import numpy as np
import pytest
from PIL import Image

from fgtl.errors import DataError, UsageError
from fgtl.heads.classifier import Classifier
from fgtl.heads.linear import LinearHead
from fgtl.interop.pretrained import build_backbone, weights_sha256
from fgtl.models.backbone import Backbone, build_network

IMAGES = np.random.default_rng(0).uniform(0, 255, (2, 64, 64, 3)).astype("float32")


def features(backbone: Backbone, images: np.ndarray = IMAGES) -> np.ndarray:
    return keras.ops.convert_to_numpy(backbone(images)["features"])


def write_legacy(path: Path, layers: list[tuple[str, list[np.ndarray]]], **attributes: Any) -> Path:
    """An HDF5 weight file as Keras wrote them before version 3, by the format's description."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [name.encode() for name, _ in layers]
        file.attrs.update(attributes)
        for name, arrays in layers:
            group = file.create_group(name)
            names = [f"{name}/weight_{index}:0" for index in range(len(arrays))]
            group.attrs["weight_names"] = [entry.encode() for entry in names]
            for entry, array in zip(names, arrays, strict=True):
                group.create_dataset(entry, data=array)
    return path


def legacy_layers(trunk: keras.Model) -> list[tuple[str, list[np.ndarray]]]:
    return [
        (f"other_name_{index}", [keras.ops.convert_to_numpy(value) for value in layer.trainable_weights + layer.non_trainable_weights])
        for index, layer in enumerate(trunk.layers)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def source() -> Backbone:
    """A network whose every weight, statistics included, differs from a fresh one's."""
    backbone = build_network("mobilenet_v2", 64)
    rng = np.random.default_rng(1)
    for variable in backbone.trunk.weights:
        value = keras.ops.convert_to_numpy(variable)
        variable.assign(value + rng.uniform(0, 0.02, value.shape).astype("float32"))
    return backbone


def test_none_is_a_fresh_network_of_the_asked_size() -> None:
    assert build_backbone("mobilenet_v2", "none", 96).input_size == 96


def test_keras_3_weights_are_loaded_whatever_the_input_size(source: Backbone, tmp_path: Path) -> None:
    source.trunk.save_weights(tmp_path / "x.weights.h5")
    loaded = build_backbone("mobilenet_v2", tmp_path / "x.weights.h5", 64)
    assert np.array_equal(features(loaded), features(source))
    wide = build_backbone("mobilenet_v2", str(tmp_path / "x.weights.h5"), 96)
    assert weights_sha256(wide) == weights_sha256(source)


@pytest.mark.parametrize("with_classifier", [False, True])
def test_older_weights_are_loaded_with_and_without_classifier(
    source: Backbone, tmp_path: Path, with_classifier: bool
) -> None:
    layers = legacy_layers(source.trunk)
    if with_classifier:
        layers += [("global_pool", []), ("predictions", [np.zeros((1280, 1000), "float32"), np.zeros(1000, "float32")])]
    path = write_legacy(tmp_path / "x.h5", layers)
    assert np.array_equal(features(build_backbone("mobilenet_v2", path, 64)), features(source))


def test_a_runs_model_and_a_saved_backbone_are_loaded(source: Backbone, tmp_path: Path) -> None:
    source.save(tmp_path / "backbone.keras")
    Classifier(source, LinearHead(3, dropout=0.1)).save(tmp_path / "model.keras")
    for name in ("backbone.keras", "model.keras"):
        assert weights_sha256(build_backbone("mobilenet_v2", tmp_path / name, 96)) == weights_sha256(source)


def test_weights_of_another_network_are_refused_and_nothing_is_loaded(source: Backbone, tmp_path: Path) -> None:
    source.trunk.save_weights(tmp_path / "x.weights.h5")
    with pytest.raises(DataError, match=r"does not hold the weights of mobilenet: \d+ of another shape") as caught:
        build_backbone("mobilenet", tmp_path / "x.weights.h5", 64)
    assert "Nothing was loaded" in str(caught.value)
    assert str(caught.value).count("in the file") == 5
    legacy = write_legacy(tmp_path / "x.h5", legacy_layers(source.trunk))
    with pytest.raises(DataError, match=r"does not hold the weights of mobilenet: \d+ of another shape"):
        build_backbone("mobilenet", legacy, 64)
    source.save(tmp_path / "x.keras")
    with pytest.raises(DataError, match="was made with mobilenet_v2, not mobilenet"):
        build_backbone("mobilenet", tmp_path / "x.keras", 64)


def test_weights_left_over_or_missing_are_refused(source: Backbone, tmp_path: Path) -> None:
    layers = legacy_layers(source.trunk)
    more = write_legacy(tmp_path / "more.h5", [*layers, ("surprise", [np.zeros(3, "float32")])])
    with pytest.raises(DataError, match=r"0 missing, 1 left over[\s\S]*surprise"):
        build_backbone("mobilenet_v2", more, 64)
    fewer = write_legacy(tmp_path / "fewer.h5", layers[:-3])
    with pytest.raises(DataError, match=r"[1-9]\d* missing, 0 left over"):
        build_backbone("mobilenet_v2", fewer, 64)
    source.trunk.save_weights(tmp_path / "x.weights.h5")
    with h5py.File(tmp_path / "x.weights.h5", "a") as file:
        del file["layers/conv2d/vars/0"]
    with pytest.raises(DataError, match=r"1 missing, 0 left over[\s\S]*layers/conv2d/vars/0"):
        build_backbone("mobilenet_v2", tmp_path / "x.weights.h5", 64)


def test_numbers_that_lie_in_another_file_are_not_followed(source: Backbone, tmp_path: Path) -> None:
    source.trunk.save_weights(tmp_path / "x.weights.h5")
    with h5py.File(tmp_path / "other.h5", "w") as other, h5py.File(tmp_path / "x.weights.h5", "a") as file:
        other["secret"] = np.asarray(file["layers/conv2d/vars/0"])
        del file["layers/conv2d/vars/0"]
        file["layers/conv2d/vars/0"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "secret")
    with pytest.raises(DataError, match="1 missing"):
        build_backbone("mobilenet_v2", tmp_path / "x.weights.h5", 64)


def test_a_whole_model_in_the_old_format_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "model.h5", "w") as file:
        file.attrs["model_config"] = "{}"
        file.create_group("model_weights")
    with pytest.raises(DataError, match="it can carry code"):
        build_backbone("mobilenet_v2", tmp_path / "model.h5", 64)


def test_other_files_are_named(source: Backbone, wire: Any, tmp_path: Path) -> None:
    def load(name: str, content: bytes) -> None:
        (tmp_path / name).write_bytes(content)
        build_backbone("mobilenet_v2", tmp_path / name, 32)

    with pytest.raises(DataError, match="There are no weights at"):
        build_backbone("mobilenet_v2", tmp_path / "absent.h5", 32)
    with pytest.raises(DataError, match="no weight file that fgtl knows"):
        load("x.h5", b"hello")
    with pytest.raises(DataError, match="damaged or not an HDF5 file"):
        load("x.h5", b"\x89HDF\r\n\x1a\n" + b"\0" * 600)
    with pytest.raises(DataError, match="damaged zip archive"):
        load("x.keras", b"PK\x03\x04 and no more")
    with pytest.raises(UsageError, match="does not know what the layers of mobilenet_v2 are called in torch"):
        load("x.pth", wire.checkpoint({"a": np.zeros(2, "float32")}, legacy=True))
    source.trunk.save(tmp_path / "trunk.keras")
    with pytest.raises(DataError, match="that fgtl did not make"):
        build_backbone("mobilenet_v2", tmp_path / "trunk.keras", 32)
    with zipfile.ZipFile(tmp_path / "half.keras", "w") as archive:
        archive.writestr("config.json", "{}")
    with pytest.raises(DataError, match="damaged or not a"):
        build_backbone("mobilenet_v2", tmp_path / "half.keras", 32)


def test_the_hash_is_that_of_the_numbers(source: Backbone) -> None:
    before = weights_sha256(source)
    assert before == weights_sha256(source) and len(before) == 64
    variable = source.trunk.weights[5]
    value = keras.ops.convert_to_numpy(variable)
    variable.assign(value + 1)
    assert weights_sha256(source) != before
    variable.assign(value)
    assert weights_sha256(source) == before


def test_imagenet_without_a_network_names_the_file_and_where_it_is_looked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def no_network(*_: Any, **__: Any) -> None:
        raise URLError("Name or service not known")

    monkeypatch.setattr("keras.src.utils.file_utils.urlretrieve", no_network)
    monkeypatch.setattr("keras.src.utils.file_utils.config.keras_home", lambda: str(tmp_path))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with pytest.raises(DataError) as caught:
        build_backbone("mobilenet_v2", "imagenet", 32)
    message = str(caught.value)
    assert "to download https://storage.googleapis.com" in message
    assert f"_no_top.h5 in {tmp_path}/models" in message


@pytest.mark.parametrize(
    ("name", "source"),
    [("resnet_v2_50", "a TF-Slim checkpoint"), ("resnet18_v1_5", "a torchvision or timm state dict")],
)
def test_imagenet_where_there_is_no_such_file_says_where_weights_come_from(name: str, source: str) -> None:
    with pytest.raises(UsageError, match=f"no ImageNet weights of {name}") as caught:
        build_backbone(name, "imagenet", 32)
    assert f"{source}, by fgtl import-weights" in str(caught.value)
    assert f"fgtl import-weights --backbone {name} --weights FILE" in str(caught.value)
    assert "''" not in str(caught.value)


def test_only_a_lost_download_is_taken_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise TypeError("a mistake in the program")

    published = keras.applications.MobileNetV2
    monkeypatch.setattr(
        keras.applications,
        "MobileNetV2",
        lambda weights, **more: broken() if weights else published(weights=None, **more),
    )
    with pytest.raises(TypeError, match="a mistake in the program"):
        build_backbone("mobilenet_v2", "imagenet", 32)


def test_efficientnets_imagenet_file_means_the_same_as_in_keras(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The file holds deviations for variances, which Keras repairs by a layer and fgtl by the true variances."""
    trunk = keras.applications.EfficientNetB0(include_top=False, weights=None, input_shape=(64, 64, 3))
    normalisation = next(layer for layer in trunk.layers if isinstance(layer, keras.layers.Normalization))
    normalisation.adapt_mean.assign([0.485, 0.456, 0.406])
    normalisation.adapt_variance.assign([0.229, 0.224, 0.225])
    path = write_legacy(tmp_path / "efficientnetb0_notop.h5", legacy_layers(trunk))
    monkeypatch.setattr("keras.src.utils.file_utils.get_file", lambda *_, **__: str(path))
    kerass = keras.applications.EfficientNetB0(include_top=False, weights="imagenet", input_shape=(64, 64, 3))
    expected = keras.ops.convert_to_numpy(kerass(IMAGES)).mean((1, 2))
    assert np.abs(expected).max() > 0
    for weights in ("imagenet", path):
        ours = features(build_backbone("efficientnet_b0", weights, 64))
        np.testing.assert_allclose(ours, expected, rtol=1e-3, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("pretraining", ["imagenet", "inat_birds"])
def test_the_real_mobilenet_weights_are_loaded(shared: Path, pretraining: str) -> None:
    path = shared / "weights" / f"mobilenet_v2_{pretraining}_notop.weights.h5"
    backbone = build_backbone("mobilenet_v2", path, 160)
    reference = keras.applications.MobileNetV2(include_top=False, weights=None, input_shape=(160, 160, 3))
    reference.load_weights(path)
    images = np.random.default_rng(0).uniform(0, 255, (1, 160, 160, 3)).astype("float32")
    expected = keras.ops.convert_to_numpy(reference(images / 127.5 - 1)).mean((1, 2))
    np.testing.assert_allclose(features(backbone, images), expected, rtol=1e-3, atol=1e-4)


def test_mobilenet_recognises_photographs(shared: Path, photographs: Callable[..., np.ndarray]) -> None:
    backbone = build_backbone("mobilenet_v2", shared / "weights" / "mobilenet_v2_imagenet_notop.weights.h5")
    images = photographs(shared / "data" / "imagenet_250", Image.Resampling.BILINEAR)
    head = np.load(shared / "weights" / "mobilenet_v2_imagenet_head.npz")
    pooled = backbone.predict(images, batch_size=50, verbose=0)["features"]
    scores = pooled @ head["kernel"].astype("float32") + head["bias"].astype("float32")
    # Class 0 is background. 87.6 % were measured with this crop.
    assert (scores.argmax(1) == np.arange(0, 1000, 4) + 1).mean() >= 0.86
