"""Acceptance A24: what is exported says what the Keras model says, and has no outputs of dropped points."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny_networks import tiny

from fgtl.heads.classifier import Classifier
from fgtl.heads.plugin import PluginHead
from fgtl.heads.plugin_knobs import PluginKnobs

SIZE = 32


@pytest.mark.slow
def test_an_exported_model_has_the_five_heads_of_the_keras_model_and_no_dropped_points(tmp_path: Path) -> None:
    pytest.importorskip("keras_hub")
    keras.utils.set_random_seed(0)
    model = Classifier(tiny("ViT", SIZE), PluginHead(5, PluginKnobs(fpn_size=16)))
    images = np.random.default_rng(0).uniform(0, 255, (3, SIZE, SIZE, 3)).astype(np.float32)
    outputs = model(images, training=False)
    assert not [name for name in outputs if "points" in name or "dropped" in name]

    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint(
        "serve",
        lambda batch: model.head.heads(model(batch, training=False)),
        input_signature=[tf.TensorSpec((None, SIZE, SIZE, 3), tf.float32)],
    )
    archive.write_out(str(tmp_path / "saved"), verbose=False)
    loaded = tf.saved_model.load(str(tmp_path / "saved"))
    exported = loaded.serve(images)

    expected = model.head.heads(outputs)
    assert set(exported) == {"level1", "level2", "level3", "level4", "combiner", "fused"} == set(expected)
    for name in expected:
        np.testing.assert_allclose(exported[name], expected[name], atol=1e-4)
    assert np.argmax(exported["fused"], -1).tolist() == np.argmax(model.head.predict(outputs), -1).tolist()
    assert np.ptp(expected["fused"], axis=0).max() > 1e-4
