"""ResNet v1.5 against torchvision's sizes and padding."""

import keras
import numpy as np
import pytest

from fgtl.models.resnet_v1_5 import build_resnet

# torchvision's counts without the classifier; statistics of batch normalisation are no parameters there.
COUNTS = {18: 11_176_512, 34: 21_284_672, 50: 23_508_032, 101: 42_500_160, 152: 58_143_808}


def torch_convolution(x: np.ndarray, kernel: np.ndarray, stride: int) -> np.ndarray:
    """conv2d(x, kernel, stride, padding=k // 2) of one (H, W, C) image, a cell at a time."""
    size = kernel.shape[0]
    padded = np.pad(x, [(size // 2, size // 2)] * 2 + [(0, 0)])
    rows, columns = ((padded.shape[axis] - size) // stride + 1 for axis in (0, 1))
    out = np.empty((rows, columns, kernel.shape[-1]))
    for i in range(rows):
        for j in range(columns):
            window = padded[i * stride : i * stride + size, j * stride : j * stride + size]
            out[i, j] = np.tensordot(window, kernel, 3)
    return out


def torch_max_pool(x: np.ndarray) -> np.ndarray:
    """max_pool2d(x, 3, stride=2, padding=1): what lies outside never wins."""
    padded = np.pad(x, [(1, 1), (1, 1), (0, 0)], constant_values=-np.inf)
    rows, columns = ((padded.shape[axis] - 3) // 2 + 1 for axis in (0, 1))
    cells = [padded[2 * i : 2 * i + 3, 2 * j : 2 * j + 3].max((0, 1)) for i in range(rows) for j in range(columns)]
    return np.stack(cells).reshape(rows, columns, -1)


def at(trunk: keras.Model, image: np.ndarray, *layers: str) -> list[np.ndarray]:
    """What layers give for one (H, W, 3) image."""
    outputs = keras.Model(trunk.input, [trunk.get_layer(name).output for name in layers])(image[None])
    return [np.asarray(output)[0] for output in outputs]


@pytest.fixture(scope="module")
def resnet18() -> keras.Model:
    return build_resnet(42, 18)


@pytest.fixture(scope="module")
def resnet50() -> keras.Model:
    return build_resnet(64, 50)


def parameters(trunk: keras.Model) -> int:
    return sum(int(np.prod(weight.shape)) for weight in trunk.trainable_weights)


def test_they_have_torchvisions_number_of_parameters(resnet18: keras.Model, resnet50: keras.Model) -> None:
    assert (parameters(resnet18), parameters(resnet50)) == (COUNTS[18], COUNTS[50])


@pytest.mark.slow
@pytest.mark.parametrize("depth", [34, 101, 152])
def test_the_deeper_ones_have_it_too(depth: int) -> None:
    assert parameters(build_resnet(32, depth)) == COUNTS[depth]


def test_padding_is_the_same_on_all_sides(resnet18: keras.Model) -> None:
    image = np.random.default_rng(0).normal(size=(42, 42, 3)).astype("float32")
    names = ("conv1", "relu", "maxpool", "layer1_1_relu", "layer2_0_conv1")
    conv1, relu, pooled, entry, shrunk = at(resnet18, image, *names)
    np.testing.assert_allclose(
        conv1, torch_convolution(image, resnet18.get_layer("conv1").get_weights()[0], 2), atol=1e-4
    )
    np.testing.assert_allclose(pooled, torch_max_pool(relu))
    kernel = resnet18.get_layer("layer2_0_conv1").get_weights()[0]
    np.testing.assert_allclose(shrunk, torch_convolution(entry, kernel, 2), atol=1e-4)


def test_a_bottleneck_shrinks_in_its_3x3(resnet50: keras.Model) -> None:
    strides = {
        name: resnet50.get_layer(f"layer3_0_{name}").strides for name in ("conv1", "conv2", "conv3", "downsample_0")
    }
    assert strides == {"conv1": (1, 1), "conv2": (2, 2), "conv3": (1, 1), "downsample_0": (2, 2)}
    assert resnet50.output_shape == (None, 2, 2, 2048)


def test_layers_have_torchvisions_names(resnet18: keras.Model) -> None:
    block = {"conv1", "bn1", "conv2", "bn2"}
    expected = {"conv1", "bn1"}
    for stage in (1, 2, 3, 4):
        for index in (0, 1):
            more = {"downsample_0", "downsample_1"} if stage > 1 and index == 0 else set()
            expected |= {f"layer{stage}_{index}_{name}" for name in block | more}
    assert {layer.name for layer in resnet18.layers if layer.weights} == expected
    norms = [layer for layer in resnet18.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert {(norm.momentum, norm.epsilon) for norm in norms} == {(0.9, 1e-5)}


def test_a_block_adds_its_shortcut_and_ends_in_a_relu(resnet18: keras.Model) -> None:
    image = np.random.default_rng(0).normal(size=(42, 42, 3)).astype("float32")
    entry, branch, output = at(resnet18, image, "maxpool", "layer1_0_bn2", "layer1_0_relu")
    np.testing.assert_allclose(output, np.maximum(entry + branch, 0), rtol=1e-5, atol=1e-6)
