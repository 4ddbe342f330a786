"""What a SavedModel may be: exports of Keras 2 and 3, signatures, the old Hub, handles; sizes; and what is refused."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from saved_modules import IMAGES, SIZE, Module, patches, save_module, step

from fgtl.errors import DataError, InputError, UsageError
from fgtl.heads.classifier import Classifier, load_classifier
from fgtl.heads.linear import LinearHead
from fgtl.interop.pretrained import build_backbone
from fgtl.models.backbone import build_network, find_architecture


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_module(tmp_path_factory.mktemp("modules") / "module")


def test_range_and_size_may_be_written_into_the_folder(tmp_path: Path) -> None:
    folder = save_module(tmp_path / "module")
    plain = build_network(f"saved_model:{folder}")
    assert plain.input_size == 224
    (folder / "fgtl.json").write_text(json.dumps({"range": [-1, 1], "input_size": SIZE}))
    centred = build_network(f"saved_model:{folder}")
    assert centred.input_size == SIZE
    maps = np.maximum(patches(IMAGES / 127.5 - 1, Module().kernel.numpy()) - Module().mean.numpy(), 0)
    np.testing.assert_allclose(centred(IMAGES)["features"], maps.mean((1, 2)), rtol=1e-4, atol=1e-5)
    for text in ("{", '{"range": [1, 0]}', '{"input_size": "big"}', '{"colour": 1}', "[]"):
        (folder / "fgtl.json").write_text(text)
        with pytest.raises(DataError, match=r"fgtl\.json cannot be used"):
            build_network(f"saved_model:{folder}")


def test_a_fixed_size_is_taken_and_no_other(tmp_path: Path) -> None:
    folder = save_module(tmp_path / "module", SIZE)
    backbone = build_network(f"saved_model:{folder}")
    assert backbone.input_size == SIZE
    assert find_architecture(f"saved_model:{folder}").fixed_size
    assert backbone.spec["fixed_size"] is True
    with pytest.raises(InputError, match=rf"size of 64 pixels does not suit[\s\S]*{SIZE}: it was saved for that alone"):
        build_network(f"saved_model:{folder}", 64)


def export_keras_3(folder: Path) -> None:
    layers = [keras.layers.Conv2D(8, 3, 2), keras.layers.BatchNormalization(), keras.layers.GlobalAveragePooling2D()]
    keras.Sequential([keras.Input((SIZE, SIZE, 3)), *layers]).export(folder, verbose=False)


def test_an_export_of_keras_3_trains_but_its_statistics_rest(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    export_keras_3(tmp_path / "export")
    backbone = build_network(f"saved_model:{tmp_path / 'export'}")
    assert "it has no training mode" in capfd.readouterr().err
    assert backbone.taps == () and backbone.feature_dim == 8 and backbone.input_size == SIZE
    model = Classifier(backbone, LinearHead(2))
    before = {variable.path: variable.numpy() for variable in backbone.variables}
    step(model)
    changed = {v.name for v in backbone.variables if not np.array_equal(v.numpy(), before[v.path])}
    assert changed == {"kernel", "bias", "gamma", "beta"}


def test_a_saved_model_of_keras_2_trains_wholly(tmp_path: Path) -> None:
    tf_keras = pytest.importorskip("tf_keras")
    layers = tf_keras.layers
    stack = [layers.Conv2D(8, 3, 2, kernel_regularizer="l2"), layers.BatchNormalization(), layers.Dropout(0.5)]
    tf_keras.Sequential([tf_keras.Input((SIZE, SIZE, 3)), *stack]).save(tmp_path / "module", save_format="tf")
    backbone = build_network(f"saved_model:{tmp_path / 'module'}")
    (tap,) = backbone.taps
    assert (tap.name, tap.grid) == ("p1", (15, 15)) and backbone.feature_dim == 8
    before = [variable.numpy() for variable in backbone.variables]
    step(Classifier(backbone, LinearHead(2)))
    assert all(not np.array_equal(old, new.numpy()) for old, new in zip(before, backbone.variables, strict=True))
    assert len(backbone.losses) == 1


class OnlySignature(tf.Module):
    def __init__(self) -> None:
        super().__init__()
        self.kernel = tf.Variable(np.ones((4, 4, 3, 8), "float32"), name="kernel")

    @tf.function(input_signature=[tf.TensorSpec([None, SIZE, SIZE, 3])])
    def infer(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"maps": tf.nn.conv2d(images, self.kernel, 4, "VALID")}


def save_signature(folder: Path) -> None:
    module = OnlySignature()
    tf.saved_model.save(module, folder, signatures={"serving_default": module.infer})


def save_old_hub(folder: Path) -> None:
    """The format of TensorFlow 1's hub: one graph for inference, one tagged "train", a marker file."""
    v1 = tf.compat.v1
    builder = v1.saved_model.Builder(str(folder))
    for tags in ([], ["train"]):
        with tf.Graph().as_default(), v1.Session() as session:
            images = v1.placeholder(tf.float32, [None, SIZE, SIZE, 3])
            kernel = v1.get_variable("conv/weights", initializer=np.ones((4, 4, 3, 8), "float32"))
            maps = tf.nn.conv2d(images, kernel, 4, "VALID")
            info = v1.saved_model.utils.build_tensor_info
            outputs = {
                "default": info(tf.reduce_mean(maps, [1, 2])),
                "Mixed_10/b": info(maps),
                "Mixed_9/a": info(-maps),
            }
            signature = v1.saved_model.signature_def_utils.build_signature_def({"images": info(images)}, outputs, "hub")
            session.run(v1.global_variables_initializer())
            if tags:
                builder.add_meta_graph(tags, {"default": signature})
            else:
                builder.add_meta_graph_and_variables(session, tags, {"default": signature})
    builder.save()
    (folder / "tfhub_module.pb").write_bytes(b"\x08\x03")


@pytest.mark.parametrize("save", [save_signature, save_old_hub])
def test_what_has_only_a_signature_computes_and_says_that_it_rests(
    save: Callable[[Path], None], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    save(tmp_path / "module")
    backbone = build_network(f"saved_model:{tmp_path / 'module'}")
    assert "its weights stay as they are" in capfd.readouterr().err
    assert backbone.trainable_variables == [] and len(backbone.variables) == 1
    expected = patches(IMAGES / 255, np.ones((4, 4, 3, 8)))
    outputs = backbone(IMAGES)
    np.testing.assert_allclose(outputs["taps"]["p2"], expected, rtol=1e-4)
    np.testing.assert_allclose(outputs["features"], expected.mean((1, 2)), rtol=1e-4)
    model = Classifier(backbone, LinearHead(2))
    step(model)
    model.save(tmp_path / "model.keras")
    again = load_classifier(tmp_path / "model.keras", allow_saved_models=True)
    assert np.array_equal(again(IMAGES)["logits"], model(IMAGES)["logits"])


def odd_module(folder: Path, outputs: Callable[..., Any], *shapes: list[int | None]) -> Path:
    module = tf.Module()
    module.__call__ = tf.function(outputs, input_signature=[tf.TensorSpec(shape) for shape in shapes])
    tf.saved_model.save(module, folder)
    return folder


def test_what_is_no_image_network_is_refused_with_what_it_is(tmp_path: Path) -> None:
    image = [None, None, None, 3]
    words = odd_module(tmp_path / "words", lambda rows: rows + 1, [None, 5])
    with pytest.raises(DataError, match=r"it takes TensorSpec\(shape=\(None, 5\)"):
        build_network(f"saved_model:{words}", SIZE)
    two = odd_module(tmp_path / "two", lambda images, mask: images * mask, image, image)
    with pytest.raises(DataError, match="its function also wants mask"):
        build_network(f"saved_model:{two}", SIZE)
    vectors = odd_module(tmp_path / "vectors", lambda x: {"a": x[:, 0, 0], "b": x[:, 1, 1]}, image)
    with pytest.raises(DataError, match=r"outputs of the SavedModel are a \(None, 3\), b \(None, 3\)"):
        build_network(f"saved_model:{vectors}", SIZE)
    nothing = tmp_path / "nothing"
    tf.saved_model.save(tf.Module(), nothing)
    with pytest.raises(DataError, match="neither __call__, nor serve, nor a signature"):
        build_network(f"saved_model:{nothing}", SIZE)


def test_no_fresh_weights_can_be_had(saved: Path, capfd: pytest.CaptureFixture[str]) -> None:
    build_backbone(f"saved_model:{saved}", "none", SIZE)
    assert "keeps the weights of its folder" in capfd.readouterr().err


def test_a_handle_needs_tensorflow_hub_and_says_where_it_was_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    handle = "https://tfhub.dev/google/some/feature_vector/5"
    hub = pytest.importorskip("tensorflow_hub")

    def no_network(_: str) -> str:
        raise OSError("Name or service not known")

    monkeypatch.setattr(hub, "resolve", no_network)
    with pytest.raises(DataError, match=r"could not be had: OSError: Name or service") as caught:
        build_network(f"saved_model:{handle}")
    assert "TFHUB_CACHE_DIR" in str(caught.value)
    monkeypatch.setitem(sys.modules, "tensorflow_hub", None)
    with pytest.raises(UsageError, match=r"pip install 'fgtl\[hub\]'"):
        build_network(f"saved_model:{handle}")


def test_a_handle_that_is_resolved_is_the_folder(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = pytest.importorskip("tensorflow_hub")
    monkeypatch.setattr(hub, "resolve", lambda handle: str(saved))
    backbone = build_network("saved_model:https://tfhub.dev/google/some/feature_vector/5", SIZE)
    assert backbone.spec["path"] == str(saved)


def test_a_damaged_module_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has no saved_model\.pb"):
        build_network(f"saved_model:{tmp_path}")
    (tmp_path / "saved_model.pb").write_bytes(b"no protobuf")
    with pytest.raises(DataError, match="TensorFlow cannot load"):
        build_network(f"saved_model:{tmp_path}")
