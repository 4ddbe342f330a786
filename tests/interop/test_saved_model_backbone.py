"""SavedModels as backbones, on modules made here: a tf.Module, exports of Keras 2 and 3, signatures, the old Hub."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from fgtl.errors import DataError, InputError, UsageError
from fgtl.heads.classifier import Classifier, load_classifier
from fgtl.heads.linear import LinearHead
from fgtl.interop.pretrained import build_backbone
from fgtl.models.backbone import Backbone, build_network, find_architecture
from fgtl.models.penalties import penalties_of

SIZE, DECAY = 32, 0.9
IMAGES = np.random.default_rng(0).uniform(0, 255, (4, SIZE, SIZE, 3)).astype("float32")


class Module(tf.Module):
    """Patches of 4 pixels -> 8 channels, normalised, rectified; a vector with dropout; an L2 loss."""

    def __init__(self) -> None:
        super().__init__()
        draws = np.random.default_rng(1)
        self.kernel = tf.Variable(draws.normal(0, 0.1, (4, 4, 3, 8)).astype("float32"), name="conv/kernel")
        self.scale = tf.Variable(np.ones(8, "float32"), name="norm/gamma")
        self.mean = tf.Variable(draws.normal(0, 0.1, 8).astype("float32"), trainable=False, name="norm/moving_mean")
        self.step = tf.Variable(0, trainable=False, dtype=tf.int64, name="step")
        self.regularization_losses = [self.penalty]

    @tf.function(input_signature=[])
    def penalty(self) -> tf.Tensor:
        return 0.01 * tf.reduce_sum(self.kernel**2)

    @tf.function
    def __call__(self, images: tf.Tensor, training: bool = False) -> dict[str, tf.Tensor]:
        maps = tf.nn.conv2d(images, self.kernel, 4, "VALID")
        mean = tf.reduce_mean(maps, [0, 1, 2]) if training else self.mean
        if training:
            self.mean.assign(DECAY * self.mean + (1 - DECAY) * mean)
            self.step.assign_add(1)
        maps = tf.nn.relu((maps - mean) * self.scale)
        pooled = tf.reduce_mean(maps, [1, 2])
        return {"default": tf.nn.dropout(pooled, 0.5) if training else pooled, "block/maps": maps}


def save_module(folder: Path, side: int | None = None) -> Path:
    module = Module()
    for training in (False, True):
        module.__call__.get_concrete_function(tf.TensorSpec([None, side, side, 3]), training=training)
    tf.saved_model.save(module, folder)
    return folder


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_module(tmp_path_factory.mktemp("modules") / "module")


@pytest.fixture
def backbone(saved: Path) -> Backbone:
    return build_backbone(f"saved_model:{saved}", "imagenet", SIZE)


def loaded_object(backbone: Backbone) -> Any:
    return backbone.trunk.get_layer("saved_model")._loaded


def patches(images: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """A convolution with stride 4 and a 4 x 4 kernel, as one matrix product: (B, 8, 8, 8) float64."""
    cut = images.reshape(len(images), 8, 4, 8, 4, 3).transpose(0, 1, 3, 2, 4, 5).reshape(len(images), 8, 8, 48)
    return cut.astype("float64") @ kernel.reshape(48, 8)


def step(model: Classifier, images: np.ndarray = IMAGES) -> None:
    """One step of gradient descent on the head's loss and the module's own."""
    with tf.GradientTape() as tape:
        outputs = model(images, training=True)
        loss = model.head.loss(outputs, np.arange(len(images)) % 2)["cross_entropy"] + sum(model.losses)
    variables = model.trainable_variables
    for variable, gradient in zip(variables, tape.gradient(loss, [v.value for v in variables]), strict=True):
        variable.assign(variable - 0.1 * gradient)


def test_features_are_the_modules_on_images_in_0_to_1(backbone: Backbone) -> None:
    module = Module()
    maps = np.maximum(patches(IMAGES / 255, module.kernel.numpy()) - module.mean.numpy(), 0)
    outputs = backbone(IMAGES)
    np.testing.assert_allclose(outputs["taps"]["p2"], maps, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(outputs["features"], maps.mean((1, 2)), rtol=1e-4, atol=1e-5)
    (tap,) = backbone.taps
    assert (tap.stride, tap.channels, tap.grid, tap.prefix_tokens) == (4, 8, (8, 8), 0)
    assert backbone.feature_dim == 8


def test_variables_are_the_modules_own_and_are_sorted_as_it_says(backbone: Backbone) -> None:
    module = loaded_object(backbone)
    assert {variable.value.name for variable in backbone.trainable_variables} == {"conv/kernel:0", "norm/gamma:0"}
    assert {variable.value.name for variable in backbone.non_trainable_variables} == {"norm/moving_mean:0", "step:0"}
    assert any(variable.value is module.kernel for variable in backbone.trainable_variables)


def test_fine_tuning_changes_the_module_itself(backbone: Backbone) -> None:
    module = loaded_object(backbone)
    before, mean = module.kernel.numpy(), module.mean.numpy()
    model = Classifier(backbone, LinearHead(2))
    step(model)
    assert np.abs(module.kernel.numpy() - before).max() > 1e-6
    batch_mean = patches(IMAGES / 255, before).mean((0, 1, 2))
    np.testing.assert_allclose(module.mean.numpy(), DECAY * mean + (1 - DECAY) * batch_mean, rtol=1e-4, atol=1e-6)
    assert int(module.step) == 1
    module.kernel.assign(before)
    assert any(np.array_equal(variable.numpy(), before) for variable in backbone.trainable_variables)


def test_statistics_rest_and_dropout_is_off_outside_training(backbone: Backbone) -> None:
    mean = loaded_object(backbone).mean.numpy()
    first, second = (np.asarray(backbone(IMAGES, training=False)["features"]) for _ in range(2))
    assert np.array_equal(first, second) and np.array_equal(loaded_object(backbone).mean.numpy(), mean)
    first, second = (np.asarray(backbone(IMAGES, training=True)["features"]) for _ in range(2))
    assert not np.array_equal(first, second)


def test_its_regularisation_losses_are_the_models(backbone: Backbone) -> None:
    model = Classifier(backbone, LinearHead(2))
    model(IMAGES, training=True)
    penalty = 0.01 * np.sum(loaded_object(backbone).kernel.numpy() ** 2)
    for owner in (backbone, model):
        np.testing.assert_allclose([float(loss) for loss in owner.losses], [penalty], rtol=1e-5)
        np.testing.assert_allclose([float(loss()) for loss in penalties_of(owner)], [penalty], rtol=1e-5)
    backbone.trainable = False
    model(IMAGES, training=True)
    assert model.losses == [] and penalties_of(model) == []


def test_its_kernels_are_not_decayed_a_second_time(backbone: Backbone) -> None:
    assert "kernel" not in {variable.name for variable in backbone.trainable_variables}
    assert len({variable.path for variable in backbone.variables}) == 4


def test_a_frozen_module_rests_while_the_head_learns(backbone: Backbone) -> None:
    backbone.trainable = False
    model = Classifier(backbone, LinearHead(2))
    before = [variable.numpy() for variable in backbone.variables]
    head = model.head.logits.kernel.numpy()
    step(model)
    assert all(np.array_equal(old, new.numpy()) for old, new in zip(before, backbone.variables, strict=True))
    assert not np.array_equal(head, model.head.logits.kernel.numpy())
    backbone.trainable = True
    assert len(backbone.trainable_variables) == 2


def test_it_runs_under_xla_and_mixed_precision(saved: Path) -> None:
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        backbone = build_network(f"saved_model:{saved}", SIZE)
    finally:
        keras.config.set_dtype_policy("float32")
    assert backbone(IMAGES)["features"].dtype == tf.float32
    compiled = tf.function(lambda images: backbone(images, training=False)["features"], jit_compile=True)
    np.testing.assert_allclose(compiled(tf.constant(IMAGES)), backbone(IMAGES)["features"], rtol=1e-4, atol=1e-5)


@pytest.fixture
def tuned(tmp_path: Path) -> tuple[Path, Path, np.ndarray]:
    """(model.keras, the module's folder, its logits) of a model that was trained for a step."""
    folder = save_module(tmp_path / "module")
    model = Classifier(build_network(f"saved_model:{folder}", SIZE), LinearHead(2))
    step(model)
    model.save(tmp_path / "model.keras")
    return tmp_path / "model.keras", folder, np.asarray(model(IMAGES, training=False)["logits"])


def test_a_saved_model_holds_the_trained_weights_and_a_reference(tuned: tuple[Path, Path, np.ndarray]) -> None:
    path, folder, logits = tuned
    model = load_classifier(path, allow_saved_models=True)
    assert np.array_equal(model(IMAGES, training=False)["logits"], logits)
    assert model.backbone.spec["path"] == str(folder)
    assert len(model.backbone.spec["sha256"]) == 64
    again = load_classifier(resaved(model, path), allow_saved_models=True)
    assert np.array_equal(again(IMAGES, training=False)["logits"], logits)


def resaved(model: Classifier, path: Path) -> Path:
    model.save(path.with_name("again.keras"))
    return path.with_name("again.keras")


def test_it_is_not_run_unasked(tuned: tuple[Path, Path, np.ndarray]) -> None:
    with pytest.raises(DataError, match="A SavedModel is a program") as caught:
        load_classifier(tuned[0])
    assert "--allow_saved_model" in str(caught.value)
    with pytest.raises(DataError, match="A SavedModel is a program"):
        keras.saving.load_model(tuned[0])


def test_a_changed_folder_is_refused(tuned: tuple[Path, Path, np.ndarray]) -> None:
    path, folder, _ = tuned

    def refused() -> None:
        with pytest.raises(DataError, match="is not the SavedModel that the model was trained with"):
            load_classifier(path, allow_saved_models=True)

    program = folder / "saved_model.pb"
    content = program.read_bytes()
    program.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    refused()
    program.write_bytes(content)
    (folder / "assets" / "words.txt").write_text("")
    refused()
    (folder / "assets" / "words.txt").unlink()
    (folder / "fingerprint.pb").rename(folder / "fingerprint.pc")
    refused()
    (folder / "fingerprint.pc").rename(folder / "fingerprint.pb")
    load_classifier(path, allow_saved_models=True)


def test_a_folder_that_is_gone_is_named(tuned: tuple[Path, Path, np.ndarray]) -> None:
    path, folder, _ = tuned
    shutil.rmtree(folder)
    with pytest.raises(DataError, match="is gone") as caught:
        load_classifier(path, allow_saved_models=True)
    assert str(folder) in str(caught.value) and "Put it back" in str(caught.value)


def test_a_relative_folder_is_found_from_where_the_model_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "before").mkdir()
    monkeypatch.chdir(tmp_path / "before")
    save_module(Path("module"))
    model = Classifier(build_network("saved_model:module", SIZE), LinearHead(2))
    model.save("model.keras")
    (tmp_path / "before").rename(tmp_path / "after")
    monkeypatch.chdir(tmp_path / "after")
    again = load_classifier(Path("model.keras"), allow_saved_models=True)
    assert np.array_equal(again(IMAGES)["logits"], model(IMAGES)["logits"])


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
    with pytest.raises(InputError, match=rf"input_size=64 does not suit[\s\S]*{SIZE}: it was saved for that alone"):
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


@pytest.fixture(scope="module")
def found(saved: Path) -> dict[str, Any]:
    """What the training step does to the module on one device and on two, in a process of its own."""
    script = str(Path(__file__).with_name("saved_model_replicas.py"))
    done = subprocess.run([sys.executable, script, str(saved)], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_two_replicas_reach_the_weights_of_one(found: dict[str, Any]) -> None:
    assert found["replicas"] == 2 and found["kind"] == "MirroredVariable"
    assert found["moved"] > 1e-4
    assert found["difference"] < 1e-6


@pytest.mark.slow
def test_the_training_step_adds_the_modules_losses(found: dict[str, Any]) -> None:
    assert "regularisation" in found["names"]
    np.testing.assert_allclose(found["regularisation"], 0.01 * np.sum(Module().kernel.numpy() ** 2), rtol=1e-5)
    np.testing.assert_allclose(found["loss"], found["cross_entropy"] + found["regularisation"], rtol=1e-5)


@pytest.mark.slow
def test_with_its_own_statistics_it_trains_on_two_replicas_too(found: dict[str, Any]) -> None:
    assert found["statistics moved"] > 1e-4 and found["statistics apart"] == 0
