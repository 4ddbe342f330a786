"""EfficientNet-Lite0: its size and its shape; its weights are tested with the importer."""

import keras
import numpy as np

from fgtl.models.backbone import build_network
from fgtl.models.efficientnet_lite import lite0_blocks


def test_it_has_the_published_number_of_weights() -> None:
    # 4,694,024 with statistics and the 1000-class layer of 1,281,000.
    assert build_network("efficientnet_lite0", 32).count_params() + 1_281_000 == 4_694_024


def test_it_has_sixteen_blocks_and_nine_shortcuts() -> None:
    assert len(list(lite0_blocks())) == 16
    trunk = build_network("efficientnet_lite0", 32).trunk
    assert sum(isinstance(layer, keras.layers.Add) for layer in trunk.layers) == 9


def test_all_activations_stop_at_six() -> None:
    trunk = build_network("efficientnet_lite0", 32).trunk
    limits = [layer.max_value for layer in trunk.layers if isinstance(layer, keras.layers.ReLU)]
    assert limits == [6.0] * 33


def test_images_are_centred_at_127() -> None:
    backbone = build_network("efficientnet_lite0", 32)
    image = np.random.default_rng(0).uniform(0, 255, (1, 32, 32, 3)).astype("float32")
    np.testing.assert_allclose(backbone(image)["taps"]["p5"], backbone.trunk((image - 127) / 128), rtol=1e-4, atol=1e-5)
