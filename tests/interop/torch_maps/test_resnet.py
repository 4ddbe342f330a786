"""ResNet-18 and -50 from state dicts with torchvision's names, against tf.nn."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from fgtl.models.backbone import build_network


def resnet(net: Any, x: Any, blocks: tuple[int, ...], bottleneck: bool) -> Any:
    """He et al. 2016, table 1; the stride in the first 3x3 of a block."""

    def conv_bn(x: Any, conv: str, norm: str, *sizes: int) -> Any:
        return net.batch_norm(net.conv(x, conv, *sizes), norm)

    x = tf.nn.relu(conv_bn(x, "conv1", "bn1", 64, 7, 2, 3))
    x = tf.nn.max_pool2d(tf.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=-np.inf), 3, 2, "VALID")
    for stage, count in enumerate(blocks, start=1):
        width = 64 * 2 ** (stage - 1)
        for index in range(count):
            name, stride = f"layer{stage}.{index}", 2 if stage > 1 and index == 0 else 1
            steps = (
                [(width, 1, 1, 0), (width, 3, stride, 1), (4 * width, 1, 1, 0)]
                if bottleneck
                else [(width, 3, stride, 1), (width, 3, 1, 1)]
            )
            inner = x
            for number, sizes in enumerate(steps, start=1):
                inner = conv_bn(inner, f"{name}.conv{number}", f"{name}.bn{number}", *sizes)
                inner = tf.nn.relu(inner) if number < len(steps) else inner
            out = steps[-1][0]
            if stride > 1 or x.shape[-1] != out:
                x = conv_bn(x, f"{name}.downsample.0", f"{name}.downsample.1", out, 1, stride)
            x = tf.nn.relu(x + inner)
    return x


@pytest.mark.parametrize("depth, blocks, bottleneck", [(18, (2, 2, 2, 2), False), (50, (3, 4, 6, 3), True)])
def test_resnet_equals_the_reconstruction(
    torch_net: Any, fill_from: Any, expect_close: Any, depth: int, blocks: tuple[int, ...], bottleneck: bool
) -> None:
    image = np.random.default_rng(1).standard_normal((1, 64, 64, 3)).astype("float32")
    expected = resnet(torch_net, image, blocks, bottleneck)
    torch_net.tensor("fc.weight", (10, expected.shape[-1]))
    torch_net.tensor("fc.bias", (10,))
    trunk = build_network(f"resnet{depth}_v1_5", 64).trunk
    filled = fill_from(torch_net.state, f"resnet{depth}_v1_5", trunk)
    expect_close(trunk(image), expected)
    assert filled.left["classifier"] == ["fc.weight", "fc.bias"]
    norms = sum(name.endswith("running_mean") for name in torch_net.state)
    assert len(filled.left["counters of batches"]) == norms
