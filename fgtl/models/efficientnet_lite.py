"""EfficientNet-Lite0: EfficientNet-B0 for small devices, without squeeze-and-excitation, with ReLU6.

Tan & Le 2019 (EfficientNet); the Lite variant is described in the TensorFlow TPU repository. Stem and top keep
their width at every scale; padding is TensorFlow's "same" (more at the end than at the start), which at stride 2
is not torch's symmetric one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
from keras import layers

from fgtl.models.backbone import BACKBONES, Architecture

STEM_FILTERS, TOP_FILTERS = 32, 1280


@dataclass(frozen=True)
class Block:
    """One inverted residual block: expand (unless 1), depthwise, project; a shortcut where shapes agree."""

    name: str
    expansion: int
    kernel: int
    stride: int
    channels: int


# repeats, expansion, kernel, stride of the first, channels
_STAGES = [
    (1, 1, 3, 1, 16),
    (2, 6, 3, 2, 24),
    (2, 6, 5, 2, 40),
    (3, 6, 3, 2, 80),
    (3, 6, 5, 1, 112),
    (4, 6, 5, 2, 192),
    (1, 6, 3, 1, 320),
]


def lite0_blocks() -> Iterator[Block]:
    """The 16 blocks in order, named as in keras.applications' EfficientNet (block1a, block2a, block2b, ...)."""
    for stage, (repeats, expansion, kernel, stride, channels) in enumerate(_STAGES, start=1):
        for index in range(repeats):
            name = f"block{stage}{chr(ord('a') + index)}"
            yield Block(name, expansion, kernel, stride if index == 0 else 1, channels)


def build_lite0(input_size: int) -> keras.Model:
    """The trunk: (B, S, S, 3) in about -1..1 -> (B, S/32, S/32, 1280)."""
    image = keras.Input((input_size, input_size, 3))
    x = _normalised(_convolution(image, STEM_FILTERS, "stem_conv", kernel=3, stride=2), "stem_bn")
    for block in lite0_blocks():
        x = _inverted_residual(x, block)
    x = _normalised(_convolution(x, TOP_FILTERS, "top_conv"), "top_bn")
    return keras.Model(image, x, name="efficientnet_lite0")


def centred_at_127(image: Any) -> Any:
    """(x - 127) / 128, the preprocessing of the published Lite weights."""
    return layers.Rescaling(1 / 128, offset=-127 / 128, dtype="float32", name="preprocess")(image)


def _inverted_residual(x: Any, block: Block) -> Any:
    entry, name = x, block.name
    if block.expansion != 1:
        expanded = _convolution(x, x.shape[-1] * block.expansion, f"{name}_expand_conv")
        x = _normalised(expanded, f"{name}_expand_bn")
    x = layers.DepthwiseConv2D(
        block.kernel,
        block.stride,
        padding="same",
        use_bias=False,
        depthwise_initializer=_initializer(),
        name=f"{name}_dwconv",
    )(x)
    x = _normalised(x, f"{name}_bn")
    x = _normalised(_convolution(x, block.channels, f"{name}_project_conv"), f"{name}_project_bn", activate=False)
    if block.stride == 1 and entry.shape[-1] == block.channels:
        x = layers.Add(name=f"{name}_add")([x, entry])
    return x


def _convolution(x: Any, filters: int, name: str, kernel: int = 1, stride: int = 1) -> Any:
    return layers.Conv2D(
        filters, kernel, stride, padding="same", use_bias=False, kernel_initializer=_initializer(), name=name
    )(x)


def _normalised(x: Any, name: str, activate: bool = True) -> Any:
    x = layers.BatchNormalization(momentum=0.99, epsilon=1e-3, name=name)(x)
    return layers.ReLU(6.0, name=name.removesuffix("bn") + "relu")(x) if activate else x


def _initializer() -> keras.initializers.Initializer:
    return keras.initializers.VarianceScaling(2.0, "fan_out", "truncated_normal")


BACKBONES.register("efficientnet_lite0")(Architecture(build_lite0, centred_at_127))
