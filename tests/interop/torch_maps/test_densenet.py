"""DenseNet-121 from a state dict with torchvision's names, of both generations, against tf.nn."""

import re
from typing import Any

import numpy as np
import tensorflow as tf

from fgtl.models.backbone import build_network


def densenet(net: Any, x: Any, blocks: tuple[int, ...]) -> Any:
    """Huang et al. 2017, section 3, growth rate 32, bottleneck and compression."""

    def activated(x: Any, name: str) -> Any:
        return tf.nn.relu(net.batch_norm(x, f"features.{name}"))

    x = activated(net.conv(x, "features.conv0", 64, 7, 2, 3), "norm0")
    x = tf.nn.max_pool2d(tf.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=-np.inf), 3, 2, "VALID")
    for block, layers in enumerate(blocks, start=1):
        for layer in range(1, layers + 1):
            name = f"denseblock{block}.denselayer{layer}"
            inner = net.conv(activated(x, f"{name}.norm1"), f"features.{name}.conv1", 128, 1)
            inner = net.conv(activated(inner, f"{name}.norm2"), f"features.{name}.conv2", 32, 3, 1, 1)
            x = tf.concat([x, inner], -1)
        if block < len(blocks):
            name = f"transition{block}"
            x = net.conv(activated(x, f"{name}.norm"), f"features.{name}.conv", x.shape[-1] // 2, 1)
            x = tf.nn.avg_pool2d(x, 2, 2, "VALID")
    return activated(x, "norm5")


def test_densenet_equals_the_reconstruction_under_both_kinds_of_names(
    torch_net: Any, fill_from: Any, expect_close: Any
) -> None:
    image = np.random.default_rng(1).standard_normal((1, 64, 64, 3)).astype("float32")
    expected = densenet(torch_net, image, (6, 12, 24, 16))
    trunk = build_network("densenet121", 64).trunk
    fresh = trunk.get_weights()
    filled = fill_from(torch_net.state, "densenet121", trunk)
    expect_close(trunk(image), expected)
    assert filled.numbers == 7_037_504
    trunk.set_weights(fresh)
    older = {
        re.sub(r"(denselayer\d+\.(?:norm|conv))(\d)", r"\1.\2", name): array for name, array in torch_net.state.items()
    }
    fill_from(older, "densenet121", trunk)
    expect_close(trunk(image), expected)
