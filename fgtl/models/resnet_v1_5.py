"""ResNet v1.5, torch's: a bottleneck shrinks the map in its 3x3 convolution, not in the 1x1 before it.

He et al. 2016 (Deep Residual Learning); the change of stride is torchvision's and NVIDIA's. Padding is the same on all
sides, where TensorFlow's "same" pads more at the end when the stride is 2. A layer is called by its name in torchvision's
state dict with "_" for ".": `layer1_0_conv1`, `layer1_0_bn1`, `layer1_0_downsample_0`.
"""

from functools import partial
from typing import Any

import keras
from keras import layers

from fgtl.models.applications import standardised
from fgtl.models.backbone import BACKBONES, Architecture
from fgtl.models.stochastic_depth import DropPath

# depth: (blocks of each stage, whether they are bottlenecks)
DEPTHS = {
    18: ((2, 2, 2, 2), False),
    34: ((3, 4, 6, 3), False),
    50: ((3, 4, 6, 3), True),
    101: ((3, 4, 23, 3), True),
    152: ((3, 8, 36, 3), True),
}
# A bottleneck's output has this many times the channels of its 3x3.
EXPANSION = 4


def build_resnet(input_size: int, depth: int) -> keras.Model:
    """The trunk: (B, S, S, 3) standardised -> (B, ceil(S/32), ceil(S/32), 512 or 2048).

    Args:
        input_size: S.
        depth: a key of `DEPTHS`.
    """
    blocks, bottleneck = DEPTHS[depth]
    image = keras.Input((input_size, input_size, 3))
    x = _relu(_normalised(_convolution(image, 64, 7, 2, "conv1"), "bn1"), "relu")
    # Zeros outside are as good as nothing there: no value is below zero behind a ReLU.
    x = layers.MaxPooling2D(3, 2, name="maxpool")(layers.ZeroPadding2D(1, name="maxpool_pad")(x))
    for stage, count in enumerate(blocks, start=1):
        for index in range(count):
            stride = 2 if stage > 1 and index == 0 else 1
            x = _residual(x, 64 * 2 ** (stage - 1), stride, bottleneck, f"layer{stage}_{index}")
    return keras.Model(image, x, name=f"resnet{depth}_v1_5")


def _residual(x: Any, width: int, stride: int, bottleneck: bool, name: str) -> Any:
    """relu(shortcut + branch); kernels are 3, 3 or 1, 3, 1."""
    filters = width * EXPANSION if bottleneck else width
    # The first 3x3 has the stride.
    steps = [(width, 1, 1), (width, 3, stride), (filters, 1, 1)] if bottleneck else [(width, 3, stride), (width, 3, 1)]
    branch = x
    for number, (channels, kernel, step) in enumerate(steps, start=1):
        branch = _normalised(_convolution(branch, channels, kernel, step, f"{name}_conv{number}"), f"{name}_bn{number}")
        if number < len(steps):
            branch = _relu(branch, f"{name}_relu{number}")
    if stride > 1 or x.shape[-1] != filters:
        x = _normalised(_convolution(x, filters, 1, stride, f"{name}_downsample_0"), f"{name}_downsample_1")
    x = layers.Add(name=f"{name}_add")([x, DropPath(name=f"{name}_drop")(branch)])
    return _relu(x, f"{name}_relu")


def _convolution(x: Any, filters: int, kernel: int, stride: int, name: str) -> Any:
    padded = stride > 1 and kernel > 1
    if padded:
        x = layers.ZeroPadding2D(kernel // 2, name=f"{name}_pad")(x)
    return layers.Conv2D(
        filters,
        kernel,
        stride,
        padding="valid" if padded else "same",
        use_bias=False,
        kernel_initializer=keras.initializers.VarianceScaling(2.0, "fan_out", "truncated_normal"),
        name=name,
    )(x)


def _normalised(x: Any, name: str) -> Any:
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=name)(x)


def _relu(x: Any, name: str) -> Any:
    return layers.ReLU(name=name)(x)


for _depth in DEPTHS:
    BACKBONES.register(f"resnet{_depth}_v1_5")(Architecture(partial(build_resnet, depth=_depth), standardised))
