"""SavedModels as backbones, on a tf.Module made here: its numbers, its training, and models that were saved with one."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from saved_modules import DECAY, IMAGES, SIZE, Module, patches, save_module, step

from fgtl.errors import DataError
from fgtl.heads.classifier import Classifier, load_classifier
from fgtl.heads.linear import LinearHead
from fgtl.interop.pretrained import build_backbone
from fgtl.models.backbone import Backbone, build_network
from fgtl.models.penalties import penalties_of


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_module(tmp_path_factory.mktemp("modules") / "module")


@pytest.fixture
def backbone(saved: Path) -> Backbone:
    return build_backbone(f"saved_model:{saved}", "imagenet", SIZE)


def loaded_object(backbone: Backbone) -> Any:
    return backbone.trunk.get_layer("saved_model")._loaded


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


def told_by(script: str, folder: Path) -> dict[str, Any]:
    """What a script of this room prints about a SavedModel, in a process of its own."""
    words = [sys.executable, str(Path(__file__).with_name(script)), str(folder)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def found(saved: Path) -> dict[str, Any]:
    """What the training step does to the module on one device and on two."""
    return told_by("saved_model_replicas.py", saved)


@pytest.mark.slow
def test_its_own_dropout_cannot_be_repeated_bit_for_bit_and_that_is_said(saved: Path) -> None:
    said = told_by("saved_model_strict.py", saved)
    assert said["inference"] == ""
    assert "--determinism=strict: this model draws random numbers without a seed" in said["train"]
    assert "Give --determinism=order." in said["train"]


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
