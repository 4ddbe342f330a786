"""Backbone and head as one model: outputs, freezing, and the file it is saved to."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

from fgtl.errors import DataError
from fgtl.heads.classifier import Classifier, load_classifier
from fgtl.heads.linear import LinearHead
from fgtl.models.backbone import build_network

IMAGES = np.random.default_rng(0).uniform(0, 255, (2, 64, 64, 3)).astype("float32")


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier(build_network("efficientnet_lite0", 64), LinearHead(5, dropout=0.2))


@pytest.fixture(scope="module")
def saved(classifier: Classifier, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("run") / "model.keras"
    classifier.save(path)
    return path


def test_outputs_are_those_of_the_head_on_the_backbone(classifier: Classifier) -> None:
    maps = classifier.backbone(IMAGES)
    np.testing.assert_allclose(
        classifier(IMAGES)["logits"], classifier.head(maps["taps"], maps["features"])["logits"], rtol=1e-5, atol=1e-6
    )


def test_probabilities_sum_to_one(classifier: Classifier) -> None:
    probabilities = np.asarray(classifier.probabilities(IMAGES))
    assert probabilities.shape == (2, 5)
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-5)


def test_a_frozen_backbone_leaves_the_head(classifier: Classifier) -> None:
    classifier.backbone.trainable = False
    try:
        left = {variable.path.partition("/")[2] for variable in classifier.trainable_variables}
        assert left == {"logits/kernel", "logits/bias"}
    finally:
        classifier.backbone.trainable = True


def test_a_saved_classifier_gives_the_same_bits(classifier: Classifier, saved: Path) -> None:
    again = load_classifier(saved)
    assert np.array_equal(again(IMAGES)["logits"], classifier(IMAGES)["logits"])
    assert again.get_config() == classifier.get_config()


def test_the_file_holds_names_and_no_code(saved: Path) -> None:
    with zipfile.ZipFile(saved) as archive:
        config = json.loads(archive.read("config.json"))
    assert config["config"]["backbone"] == "efficientnet_lite0"
    assert config["config"]["input_size"] == 64
    assert config["config"]["head"] == "linear"
    assert "Lambda" not in json.dumps(config)


@pytest.mark.slow
def test_a_fresh_process_loads_it_with_keras_alone_once_fgtl_is_imported(saved: Path) -> None:
    code = f"import fgtl.heads.classifier, keras; keras.saving.load_model({str(saved)!r}, safe_mode=True)"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_what_is_not_a_classifier_is_named(classifier: Classifier, saved: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="There is no model"):
        load_classifier(tmp_path / "absent.keras")
    (tmp_path / "text.keras").write_text("hello")
    with pytest.raises(DataError, match=r"text\.keras cannot be loaded"):
        load_classifier(tmp_path / "text.keras")
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save(tmp_path / "other.keras")
    with pytest.raises(DataError, match="holds a Sequential"):
        load_classifier(tmp_path / "other.keras")
    (tmp_path / "half.keras").write_bytes(saved.read_bytes()[:100_000])
    with pytest.raises(DataError, match=r"half\.keras cannot be loaded"):
        load_classifier(tmp_path / "half.keras")
    flipped = bytearray(saved.read_bytes())
    flipped[len(flipped) // 2] ^= 1
    (tmp_path / "flipped.keras").write_bytes(flipped)
    with pytest.raises(DataError, match=r"flipped\.keras cannot be loaded"):
        load_classifier(tmp_path / "flipped.keras")
