"""TF-Slim checkpoints with their real variable names, and the networks they fill, against a reconstruction in tf.nn.

The reconstruction is written from the papers' figures and slim's scopes; nothing of it comes from fgtl. It makes its
variables as it goes, so the names, the shapes and the expected output have one source.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from fgtl.errors import DataError, UsageError
from fgtl.interop.pretrained import build_backbone
from fgtl.interop.weight_import import import_weights
from fgtl.models.backbone import Backbone, build_network

AVERAGE = "/ExponentialMovingAverage"
STATISTICS = ("moving_mean", "moving_variance")


class Slim:
    """slim.conv2d and friends, in inference, on variables that are drawn when they are first used."""

    def __init__(self, root: str, *, gamma: bool, epsilon: float, seed: int = 0) -> None:
        self.root, self.gamma, self.epsilon = root, gamma, epsilon
        self.rng = np.random.default_rng(seed)
        self.values: dict[str, np.ndarray] = {}

    def variable(self, name: str, draw: Callable[[], np.ndarray]) -> np.ndarray:
        full = f"{self.root}/{name}"
        if full not in self.values:
            self.values[full] = draw().astype("float32")
        return self.values[full]

    def norm(self, x: Any, scope: str) -> Any:
        channels = x.shape[-1]
        beta = self.variable(f"{scope}/beta", lambda: self.rng.normal(0, 0.1, channels))
        gamma = self.variable(f"{scope}/gamma", lambda: self.rng.uniform(0.8, 1.2, channels)) if self.gamma else None
        mean = self.variable(f"{scope}/moving_mean", lambda: self.rng.normal(0, 0.1, channels))
        variance = self.variable(f"{scope}/moving_variance", lambda: self.rng.uniform(0.5, 1.5, channels))
        return tf.nn.batch_normalization(x, mean, variance, beta, gamma, self.epsilon)

    def conv(
        self, x: Any, scope: str, filters: int, kernel: Any, stride: int = 1, padding: str = "SAME", bias: bool = False
    ) -> Any:
        """Convolution with a bias, or with batch norm and ReLU."""
        rows, columns = (kernel, kernel) if isinstance(kernel, int) else kernel
        shape = (rows, columns, x.shape[-1], filters)
        spread = np.sqrt(2 / (rows * columns * x.shape[-1]))
        weights = self.variable(f"{scope}/weights", lambda: self.rng.normal(0, spread, shape))
        x = tf.nn.conv2d(x, weights, stride, padding)
        if bias:
            return x + self.variable(f"{scope}/biases", lambda: self.rng.normal(0, 0.1, filters))
        return tf.nn.relu(self.norm(x, f"{scope}/BatchNorm"))

    def gate(self, x: Any, scope: str) -> Any:
        """Squeeze and excitation, reduction 16."""
        mean = tf.reduce_mean(x, (1, 2), keepdims=True)
        hidden = tf.nn.relu(self.conv(mean, f"{scope}/SE_block/Conv", x.shape[-1] // 16, 1, bias=True))
        return x * tf.sigmoid(self.conv(hidden, f"{scope}/SE_block/Conv_1", x.shape[-1], 1, bias=True))

    def chain(self, x: Any, scope: str, *steps: tuple[Any, ...]) -> Any:
        """Steps (name, filters, kernel[, stride, padding]); "avg" stands for a 3x3 mean of stride 1."""
        for step in steps:
            if step == "avg":
                x = tf.nn.avg_pool2d(x, 3, 1, "SAME")
            else:
                x = self.conv(x, f"{scope}/{step[0]}", *step[1:])
        return x

    def fork(self, x: Any, scope: str, *steps: tuple[Any, ...]) -> Any:
        return tf.concat([self.chain(x, scope, step) for step in steps], -1)


def pool(x: Any) -> Any:
    return tf.nn.max_pool2d(x, 3, 2, "VALID")


def stem(net: Slim, x: Any) -> Any:
    x = net.conv(x, "Conv2d_1a_3x3", 32, 3, 2, "VALID")
    x = net.conv(x, "Conv2d_2a_3x3", 32, 3, 1, "VALID")
    x = pool(net.conv(x, "Conv2d_2b_3x3", 64, 3))
    x = net.conv(x, "Conv2d_3b_1x1", 80, 1, 1, "VALID")
    return pool(net.conv(x, "Conv2d_4a_3x3", 192, 3, 1, "VALID"))


def inception_v3(net: Slim, x: Any, se: bool = False) -> Any:
    """Szegedy et al. 2016, table 1 and figures 5 to 7."""

    def joined(scope: str, *branches: Any) -> Any:
        x = tf.concat(branches, -1)
        return net.gate(x, scope) if se else x

    x = stem(net, x)
    for scope, pooled in (("Mixed_5b", 32), ("Mixed_5c", 64), ("Mixed_5d", 64)):
        odd = scope == "Mixed_5c"
        five = ("Conv2d_0b_1x1", "Conv_1_0c_5x5") if odd else ("Conv2d_0a_1x1", "Conv2d_0b_5x5")
        x = joined(
            scope,
            net.chain(x, f"{scope}/Branch_0", ("Conv2d_0a_1x1", 64, 1)),
            net.chain(x, f"{scope}/Branch_1", (five[0], 48, 1), (five[1], 64, 5)),
            net.chain(x, f"{scope}/Branch_2", ("Conv2d_0a_1x1", 64, 1), ("Conv2d_0b_3x3", 96, 3), ("Conv2d_0c_3x3", 96, 3)),
            net.chain(x, f"{scope}/Branch_3", "avg", ("Conv2d_0b_1x1", pooled, 1)),
        )  # fmt: skip
    x = joined(
        "Mixed_6a",
        net.chain(x, "Mixed_6a/Branch_0", ("Conv2d_1a_1x1", 384, 3, 2, "VALID")),
        net.chain(x, "Mixed_6a/Branch_1", ("Conv2d_0a_1x1", 64, 1), ("Conv2d_0b_3x3", 96, 3), ("Conv2d_1a_1x1", 96, 3, 2, "VALID")),
        pool(x),
    )  # fmt: skip
    for letter, inner in zip("bcde", (128, 160, 160, 192), strict=True):
        scope = f"Mixed_6{letter}"
        x = joined(
            scope,
            net.chain(x, f"{scope}/Branch_0", ("Conv2d_0a_1x1", 192, 1)),
            net.chain(x, f"{scope}/Branch_1", ("Conv2d_0a_1x1", inner, 1), ("Conv2d_0b_1x7", inner, (1, 7)), ("Conv2d_0c_7x1", 192, (7, 1))),
            net.chain(
                x, f"{scope}/Branch_2", ("Conv2d_0a_1x1", inner, 1), ("Conv2d_0b_7x1", inner, (7, 1)), ("Conv2d_0c_1x7", inner, (1, 7)),
                ("Conv2d_0d_7x1", inner, (7, 1)), ("Conv2d_0e_1x7", 192, (1, 7)),
            ),
            net.chain(x, f"{scope}/Branch_3", "avg", ("Conv2d_0b_1x1", 192, 1)),
        )  # fmt: skip
    x = joined(
        "Mixed_7a",
        net.chain(x, "Mixed_7a/Branch_0", ("Conv2d_0a_1x1", 192, 1), ("Conv2d_1a_3x3", 320, 3, 2, "VALID")),
        net.chain(
            x, "Mixed_7a/Branch_1", ("Conv2d_0a_1x1", 192, 1), ("Conv2d_0b_1x7", 192, (1, 7)), ("Conv2d_0c_7x1", 192, (7, 1)),
            ("Conv2d_1a_3x3", 192, 3, 2, "VALID"),
        ),
        pool(x),
    )  # fmt: skip
    for scope, second in (("Mixed_7b", "Conv2d_0b_3x1"), ("Mixed_7c", "Conv2d_0c_3x1")):
        one = net.chain(x, f"{scope}/Branch_1", ("Conv2d_0a_1x1", 384, 1))
        two = net.chain(x, f"{scope}/Branch_2", ("Conv2d_0a_1x1", 448, 1), ("Conv2d_0b_3x3", 384, 3))
        x = joined(
            scope,
            net.chain(x, f"{scope}/Branch_0", ("Conv2d_0a_1x1", 320, 1)),
            net.fork(one, f"{scope}/Branch_1", ("Conv2d_0b_1x3", 384, (1, 3)), (second, 384, (3, 1))),
            net.fork(two, f"{scope}/Branch_2", ("Conv2d_0c_1x3", 384, (1, 3)), ("Conv2d_0d_3x1", 384, (3, 1))),
            net.chain(x, f"{scope}/Branch_3", "avg", ("Conv2d_0b_1x1", 192, 1)),
        )
    return x


def inception_resnet_v2(net: Slim, x: Any, se: bool = False) -> Any:
    """Szegedy et al. 2017, figure 15 and the filters of the released network; SE on the scaled residual."""

    def residual(x: Any, scope: str, scale: float, width: int, *tower: Any, last: bool = False) -> Any:
        branches = [net.chain(x, f"{scope}/Branch_0", ("Conv2d_1x1", width, 1))]
        branches += [net.chain(x, f"{scope}/Branch_{number + 1}", *steps) for number, steps in enumerate(tower)]
        up = scale * net.conv(tf.concat(branches, -1), f"{scope}/Conv2d_1x1", x.shape[-1], 1, bias=True)
        x = x + (net.gate(up, scope) if se else up)
        return x if last else tf.nn.relu(x)

    def joined(scope: str, *branches: Any) -> Any:
        x = tf.concat(branches, -1)
        return net.gate(x, scope) if se else x

    x = stem(net, x)
    x = joined(
        "Mixed_5b",
        net.chain(x, "Mixed_5b/Branch_0", ("Conv2d_1x1", 96, 1)),
        net.chain(x, "Mixed_5b/Branch_1", ("Conv2d_0a_1x1", 48, 1), ("Conv2d_0b_5x5", 64, 5)),
        net.chain(x, "Mixed_5b/Branch_2", ("Conv2d_0a_1x1", 64, 1), ("Conv2d_0b_3x3", 96, 3), ("Conv2d_0c_3x3", 96, 3)),
        net.chain(x, "Mixed_5b/Branch_3", "avg", ("Conv2d_0b_1x1", 64, 1)),
    )
    two = (("Conv2d_0a_1x1", 32, 1), ("Conv2d_0b_3x3", 32, 3))
    three = (("Conv2d_0a_1x1", 32, 1), ("Conv2d_0b_3x3", 48, 3), ("Conv2d_0c_3x3", 64, 3))
    for number in range(1, 11):
        x = residual(x, f"Repeat/block35_{number}", 0.17, 32, two, three)
    x = joined(
        "Mixed_6a",
        net.chain(x, "Mixed_6a/Branch_0", ("Conv2d_1a_3x3", 384, 3, 2, "VALID")),
        net.chain(x, "Mixed_6a/Branch_1", ("Conv2d_0a_1x1", 256, 1), ("Conv2d_0b_3x3", 256, 3), ("Conv2d_1a_3x3", 384, 3, 2, "VALID")),
        pool(x),
    )  # fmt: skip
    seven = (("Conv2d_0a_1x1", 128, 1), ("Conv2d_0b_1x7", 160, (1, 7)), ("Conv2d_0c_7x1", 192, (7, 1)))
    for number in range(1, 21):
        x = residual(x, f"Repeat_1/block17_{number}", 0.1, 192, seven)
    x = joined(
        "Mixed_7a",
        net.chain(x, "Mixed_7a/Branch_0", ("Conv2d_0a_1x1", 256, 1), ("Conv2d_1a_3x3", 384, 3, 2, "VALID")),
        net.chain(x, "Mixed_7a/Branch_1", ("Conv2d_0a_1x1", 256, 1), ("Conv2d_1a_3x3", 288, 3, 2, "VALID")),
        net.chain(x, "Mixed_7a/Branch_2", ("Conv2d_0a_1x1", 256, 1), ("Conv2d_0b_3x3", 288, 3), ("Conv2d_1a_3x3", 320, 3, 2, "VALID")),
        pool(x),
    )  # fmt: skip
    eight = (("Conv2d_0a_1x1", 192, 1), ("Conv2d_0b_1x3", 224, (1, 3)), ("Conv2d_0c_3x1", 256, (3, 1)))
    for number in range(1, 10):
        x = residual(x, f"Repeat_2/block8_{number}", 0.2, 192, eight)
    x = residual(x, "Block8", 1.0, 192, eight, last=True)
    return net.conv(x, "Conv2d_7b_1x1", 1536, 1)


def inception_v4(net: Slim, x: Any) -> Any:
    """Szegedy et al. 2017, figures 3 to 9."""
    x = net.conv(x, "Conv2d_1a_3x3", 32, 3, 2, "VALID")
    x = net.conv(x, "Conv2d_2a_3x3", 32, 3, 1, "VALID")
    x = net.conv(x, "Conv2d_2b_3x3", 64, 3)
    x = tf.concat([pool(x), net.conv(x, "Mixed_3a/Branch_1/Conv2d_0a_3x3", 96, 3, 2, "VALID")], -1)
    seven = (("Conv2d_0a_1x1", 64, 1), ("Conv2d_0b_1x7", 64, (1, 7)), ("Conv2d_0c_7x1", 64, (7, 1)))
    left = net.chain(x, "Mixed_4a/Branch_0", ("Conv2d_0a_1x1", 64, 1), ("Conv2d_1a_3x3", 96, 3, 1, "VALID"))
    x = tf.concat([left, net.chain(x, "Mixed_4a/Branch_1", *seven, ("Conv2d_1a_3x3", 96, 3, 1, "VALID"))], -1)
    x = tf.concat([net.conv(x, "Mixed_5a/Branch_0/Conv2d_1a_3x3", 192, 3, 2, "VALID"), pool(x)], -1)
    first, small = ("Conv2d_0a_1x1", 64, 1), ("Conv2d_0b_3x3", 96, 3)
    for letter in "bcde":
        scope = f"Mixed_5{letter}"
        branches = [
            net.chain(x, f"{scope}/Branch_0", ("Conv2d_0a_1x1", 96, 1)),
            net.chain(x, f"{scope}/Branch_1", first, small),
            net.chain(x, f"{scope}/Branch_2", first, small, ("Conv2d_0c_3x3", 96, 3)),
            net.chain(x, f"{scope}/Branch_3", "avg", ("Conv2d_0b_1x1", 96, 1)),
        ]
        x = tf.concat(branches, -1)
    left = net.conv(x, "Mixed_6a/Branch_0/Conv2d_1a_3x3", 384, 3, 2, "VALID")
    steps = (("Conv2d_0a_1x1", 192, 1), ("Conv2d_0b_3x3", 224, 3), ("Conv2d_1a_3x3", 256, 3, 2, "VALID"))
    x = tf.concat([left, net.chain(x, "Mixed_6a/Branch_1", *steps), pool(x)], -1)
    for letter in "bcdefgh":
        scope = f"Mixed_6{letter}"
        one = (("Conv2d_0a_1x1", 192, 1), ("Conv2d_0b_1x7", 224, (1, 7)), ("Conv2d_0c_7x1", 256, (7, 1)))
        two = (
            ("Conv2d_0a_1x1", 192, 1), ("Conv2d_0b_7x1", 192, (7, 1)), ("Conv2d_0c_1x7", 224, (1, 7)),
            ("Conv2d_0d_7x1", 224, (7, 1)), ("Conv2d_0e_1x7", 256, (1, 7)),
        )  # fmt: skip
        branches = [
            net.chain(x, f"{scope}/Branch_0", ("Conv2d_0a_1x1", 384, 1)),
            net.chain(x, f"{scope}/Branch_1", *one),
            net.chain(x, f"{scope}/Branch_2", *two),
            net.chain(x, f"{scope}/Branch_3", "avg", ("Conv2d_0b_1x1", 128, 1)),
        ]
        x = tf.concat(branches, -1)
    left = net.chain(x, "Mixed_7a/Branch_0", ("Conv2d_0a_1x1", 192, 1), ("Conv2d_1a_3x3", 192, 3, 2, "VALID"))
    steps = (("Conv2d_0a_1x1", 256, 1), ("Conv2d_0b_1x7", 256, (1, 7)), ("Conv2d_0c_7x1", 320, (7, 1)), ("Conv2d_1a_3x3", 320, 3, 2, "VALID"))  # fmt: skip
    x = tf.concat([left, net.chain(x, "Mixed_7a/Branch_1", *steps), pool(x)], -1)
    for letter in "bcd":
        scope = f"Mixed_7{letter}"
        one = net.chain(x, f"{scope}/Branch_1", ("Conv2d_0a_1x1", 384, 1))
        two = net.chain(x, f"{scope}/Branch_2", ("Conv2d_0a_1x1", 384, 1), ("Conv2d_0b_3x1", 448, (3, 1)), ("Conv2d_0c_1x3", 512, (1, 3)))  # fmt: skip
        branches = [
            net.chain(x, f"{scope}/Branch_0", ("Conv2d_0a_1x1", 256, 1)),
            net.fork(one, f"{scope}/Branch_1", ("Conv2d_0b_1x3", 256, (1, 3)), ("Conv2d_0c_3x1", 256, (3, 1))),
            net.fork(two, f"{scope}/Branch_2", ("Conv2d_0d_1x3", 256, (1, 3)), ("Conv2d_0e_3x1", 256, (3, 1))),
            net.chain(x, f"{scope}/Branch_3", "avg", ("Conv2d_0b_1x1", 256, 1)),
        ]
        x = tf.concat(branches, -1)
    return x


def resnet_v2(net: Slim, x: Any, blocks: tuple[int, ...] = (3, 4, 6, 3)) -> Any:
    """He et al. 2016 (Identity Mappings), figure 4e, bottlenecks; slim's stride is in a block's last unit."""

    def padded(x: Any, rows: int) -> Any:
        return tf.pad(x, ((0, 0), (rows, rows), (rows, rows), (0, 0)))

    def plain(x: Any, scope: str, filters: int, kernel: int, stride: int = 1, padding: str = "SAME") -> Any:
        return net.conv(x, scope, filters, kernel, stride, padding, bias=True)

    x = plain(padded(x, 3), "conv1", 64, 7, 2, "VALID")
    x = tf.nn.max_pool2d(x, 3, 2, "SAME")
    for block, units in enumerate(blocks, start=1):
        width = 64 * 2 ** (block - 1)
        for unit in range(1, units + 1):
            stride = 2 if unit == units and block < 4 else 1
            scope = f"block{block}/unit_{unit}/bottleneck_v2"
            preact = tf.nn.relu(net.norm(x, f"{scope}/preact"))
            shortcut = (
                plain(preact, f"{scope}/shortcut", 4 * width, 1, stride) if unit == 1 else x[:, ::stride, ::stride]
            )
            inner = net.conv(preact, f"{scope}/conv1", width, 1)
            inner = net.conv(padded(inner, 1), f"{scope}/conv2", width, 3, stride, "VALID")
            x = shortcut + plain(inner, f"{scope}/conv3", 4 * width, 1)
    return tf.nn.relu(net.norm(x, "postnorm"))


def inception(root: str) -> Slim:
    return Slim(root, gamma=False, epsilon=1e-3)


def images(size: int) -> np.ndarray:
    return np.random.default_rng(7).uniform(0, 255, (1, size, size, 3)).astype("float32")


def expected_features(network: Callable[[Slim, Any], Any], net: Slim, size: int) -> np.ndarray:
    """The mean over the grid, for images in 0..255."""
    return network(net, tf.constant(images(size) / 127.5 - 1)).numpy().mean((1, 2))


def save(path: Path, values: dict[str, np.ndarray], *, first_format: bool = False) -> Path:
    """What tf.train.Saver writes."""
    names, tensors = list(values), [tf.constant(value) for value in values.values()]
    if first_format:
        tf.raw_ops.Save(filename=str(path), tensor_names=names, data=tensors)
    else:
        tf.raw_ops.SaveV2(prefix=str(path), tensor_names=names, shape_and_slices=[""] * len(names), tensors=tensors)
    return path


def features(backbone: Backbone) -> np.ndarray:
    return keras.ops.convert_to_numpy(backbone(images(backbone.input_size))["features"])


def expect_close(ours: np.ndarray, theirs: np.ndarray) -> None:
    assert np.abs(theirs).max() > 0.1
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5 * np.abs(theirs).max())


SIZE = 96
Checkpoint = tuple[Path, dict[str, np.ndarray], np.ndarray]


@pytest.fixture(scope="module")
def v3(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """A finished training's checkpoint of Inception-V3: trunk, both classifiers, momentum, step. -> (prefix, values, features)"""
    net = inception("InceptionV3")
    expected = expected_features(inception_v3, net, SIZE)
    values = dict(net.values)
    classifiers = {"Logits/Conv2d_1c_1x1": (1, 1, 2048, 1001), "AuxLogits/Conv2d_2b_1x1": (1, 1, 768, 1001)}
    for scope, shape in classifiers.items():
        values[f"InceptionV3/{scope}/weights"] = net.rng.normal(0, 0.01, shape).astype("float32")
        values[f"InceptionV3/{scope}/biases"] = net.rng.normal(0, 0.01, 1001).astype("float32")
    for scope, shape in {"Conv2d_1b_1x1": (1, 1, 768, 128), "Conv2d_2a_5x5": (5, 5, 128, 768)}.items():
        values[f"InceptionV3/AuxLogits/{scope}/weights"] = net.rng.normal(0, 0.01, shape).astype("float32")
        for name in ("beta", *STATISTICS):
            values[f"InceptionV3/AuxLogits/{scope}/BatchNorm/{name}"] = np.ones(shape[-1], "float32")
    values["InceptionV3/Conv2d_1a_3x3/weights/Momentum"] = np.zeros((3, 3, 3, 32), "float32")
    values["global_step"] = np.asarray(2810, "int64")
    return save(tmp_path_factory.mktemp("v3") / "inception_v3_iNat_299.ckpt", values), values, expected


def test_inception_v3_equals_the_reconstruction_and_names_what_is_left(v3: Checkpoint) -> None:
    path, values, expected = v3
    backbone = build_network("inception_v3", SIZE)
    filled = import_weights(backbone, path)
    expect_close(features(backbone), expected)
    assert (len(filled.used), filled.numbers) == (4 * 94, 21_802_784)
    assert {kind: len(names) for kind, names in filled.left.items()} == {
        "classifier": 2,
        "auxiliary classifier": 10,
        "optimizer's slots": 1,
        "steps and counters": 1,
    }
    assert not filled.missing and not filled.unknown
    assert len(filled.used) + sum(map(len, filled.left.values())) == len(values)


def test_train_takes_a_checkpoint_as_weights(v3: Checkpoint) -> None:
    path, _, expected = v3
    expect_close(features(build_backbone("inception_v3", path, SIZE)), expected)


def test_averages_are_taken_for_what_was_trained_and_statistics_are_raw(v3: Checkpoint, tmp_path: Path) -> None:
    _, values, _ = v3
    trunk = {name: value for name, value in values.items() if "Logits" not in name and "Momentum" not in name}
    trained = [name for name in trunk if not name.endswith((*STATISTICS, "global_step"))]
    averages = {name + AVERAGE: trunk[name] * np.float32(0.9) for name in trained}
    # Averages of statistics exist too where somebody averaged all variables; slim's restore does not ask for them.
    averages |= {name + AVERAGE: trunk[name] * 2 for name in trunk if name.endswith(STATISTICS)}
    path = save(tmp_path / "model.ckpt-2810", trunk | averages)
    net = inception("InceptionV3")
    net.values = {name: value * np.float32(0.9) if name in trained else value for name, value in trunk.items()}
    backbone = build_network("inception_v3", SIZE)
    filled = import_weights(backbone, path, ema=True)
    expect_close(features(backbone), expected_features(inception_v3, net, SIZE))
    assert len(filled.left["raw weights beside their averages"]) == len(trained) == 2 * 94
    raw = import_weights(backbone, path)
    assert len(raw.left["moving averages"]) == 4 * 94
    with pytest.raises(DataError, match="holds no moving averages"):
        import_weights(backbone, v3[0], ema=True)


def test_resnet_v2_50_equals_the_reconstruction(tmp_path: Path) -> None:
    net = Slim("resnet_v2_50", gamma=True, epsilon=1e-5)
    expected = expected_features(resnet_v2, net, SIZE)
    values = net.values | {
        "resnet_v2_50/logits/weights": np.zeros((1, 1, 2048, 9), "float32"),
        "resnet_v2_50/logits/biases": np.zeros(9, "float32"),
    }
    backbone = build_network("resnet_v2_50", SIZE)
    filled = import_weights(backbone, save(tmp_path / "resnet_50_ILSVRC_iNat_299.ckpt", values))
    expect_close(features(backbone), expected)
    assert (filled.numbers, filled.left["classifier"]) == (
        23_564_800,
        [f"resnet_v2_50/logits/{name}" for name in ("biases", "weights")],
    )


def test_keras_resnet_v2_is_refused_because_its_first_pool_differs(tmp_path: Path) -> None:
    path = save(tmp_path / "x.ckpt", {"resnet_v2_50/conv1/weights": np.zeros((7, 7, 3, 64), "float32")})
    with pytest.raises(UsageError, match="Use resnet_v2_50: its first pool is slim's"):
        build_backbone("resnet50_v2", path, 64)


def test_a_network_that_slim_has_not_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "x.ckpt", {"a/weights": np.zeros(1, "float32")})
    with pytest.raises(UsageError, match=r"does not fit mobilenet_v2[\s\S]*inception_v4"):
        build_backbone("mobilenet_v2", path, 64)


@pytest.mark.slow
@pytest.mark.parametrize("depth, blocks", [(101, (3, 4, 23, 3)), (152, (3, 8, 36, 3))])
def test_deeper_resnets_equal_the_reconstruction(tmp_path: Path, depth: int, blocks: tuple[int, ...]) -> None:
    net = Slim(f"resnet_v2_{depth}", gamma=True, epsilon=1e-5)
    expected = expected_features(lambda net, x: resnet_v2(net, x, blocks), net, 64)
    expect_close(features(build_backbone(f"resnet_v2_{depth}", save(tmp_path / "x.ckpt", net.values), 64)), expected)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, network, root, arrays, numbers",
    [
        ("inception_v3_se", lambda net, x: inception_v3(net, x, se=True), "InceptionV3SE", 376 + 44, 21_802_784 + 1_661_620),
        ("inception_resnet_v2", inception_resnet_v2, "InceptionResnetV2", 896, 54_336_736),
        ("inception_v4", inception_v4, "InceptionV4", 596, 41_174_400),
        ("inception_resnet_v2_se", lambda net, x: inception_resnet_v2(net, x, se=True), "InceptionResnetV2SE", 896 + 172, 54_336_736 + 9_249_254),
    ],
)  # fmt: skip
def test_the_other_inceptions_equal_the_reconstruction(
    tmp_path: Path, name: str, network: Callable[[Slim, Any], Any], root: str, arrays: int, numbers: int
) -> None:
    net = inception(root)
    expected = expected_features(network, net, SIZE)
    backbone = build_network(name, SIZE)
    filled = import_weights(backbone, save(tmp_path / "x.ckpt", net.values))
    expect_close(features(backbone), expected)
    assert (len(filled.used), filled.numbers, filled.left) == (arrays, numbers, {})
