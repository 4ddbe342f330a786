"""ResNet-V2 as TF-Slim has it, whose checkpoints the transfer paper's authors released: resnet_v2_50, _101, _152.

keras.applications' ResNetV2 differs in one place, the pool behind the first convolution: it pads both sides with zeros,
which also beat the negative values there (no ReLU comes before); slim pads as TensorFlow's SAME does, and with nothing
that could win. At even sizes every later feature lies one pixel of that map aside, so neither side's weights mean the
same in the other's network: with random weights at 96 pixels the features differ by 2 %. Batch normalisation has slim's
decay, 0.997, and epsilon, 1e-5; there they are 0.99 and 1.001e-5.
"""

from functools import partial
from typing import Any

import keras

from fgtl.models.applications import build_trunk, centred
from fgtl.models.backbone import BACKBONES, Architecture

BN_DECAY, BN_EPSILON = 0.997, 1e-5


def build_slim_trunk(keras_name: str, input_size: int) -> keras.Model:
    """keras.applications' network with slim's first pool and batch normalisation; fresh weights."""
    return keras.models.clone_model(build_trunk(keras_name, input_size), clone_function=_slim_layer)


def _slim_layer(layer: Any) -> Any:
    if layer.name == "pool1_pad":
        return keras.layers.Identity(name=layer.name)
    if layer.name == "pool1_pool":
        return keras.layers.MaxPooling2D(3, strides=2, padding="same", name=layer.name)
    config = layer.get_config()
    if isinstance(layer, keras.layers.BatchNormalization):
        config |= {"momentum": BN_DECAY, "epsilon": BN_EPSILON}
    return layer.__class__.from_config(config)


for _depth in (50, 101, 152):
    # The authors fed -1..1 and 299 pixels, not slim's VGG preprocessing.
    BACKBONES.register(f"resnet_v2_{_depth}")(
        Architecture(partial(build_slim_trunk, f"ResNet{_depth}V2"), centred, 299)
    )
