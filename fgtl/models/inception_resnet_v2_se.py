"""Inception-ResNet-V2-SE: Inception-ResNet-V2 with squeeze-and-excitation gates.

Szegedy et al. 2016 (Inception-v4, Inception-ResNet), Hu et al. 2018 (SE); the network of Cui et al. 2018. There are 43
gates: behind the three concatenations 5b, 6a and 7a, and in each of the 40 residual blocks on the scaled residual before
it is added. Layers have TF-Slim's names, see `slim_blocks`.
"""

from functools import partial
from typing import Any

import keras
from keras import layers

from fgtl.models.applications import centred
from fgtl.models.backbone import BACKBONES, Architecture
from fgtl.models.slim_blocks import STEM, AvgPool, Branch, Conv, MaxPool, apply_steps, mixed_block
from fgtl.models.squeeze_excitation import squeeze_and_excite
from fgtl.models.stochastic_depth import DropPath

SMALLEST = 75

_MIXED_5B: tuple[Branch, ...] = (
    (Conv("Conv2d_1x1", 96),),
    (Conv("Conv2d_0a_1x1", 48), Conv("Conv2d_0b_5x5", 64)),
    (Conv("Conv2d_0a_1x1", 64), Conv("Conv2d_0b_3x3", 96), Conv("Conv2d_0c_3x3", 96)),
    (AvgPool(), Conv("Conv2d_0b_1x1", 64)),
)
_MIXED_6A: tuple[Branch, ...] = (
    (Conv("Conv2d_1a_3x3", 384, stride=2, padding="valid"),),
    (
        Conv("Conv2d_0a_1x1", 256),
        Conv("Conv2d_0b_3x3", 256),
        Conv("Conv2d_1a_3x3", 384, stride=2, padding="valid"),
    ),
    (MaxPool("MaxPool_1a_3x3"),),
)
_MIXED_7A: tuple[Branch, ...] = (
    (Conv("Conv2d_0a_1x1", 256), Conv("Conv2d_1a_3x3", 384, stride=2, padding="valid")),
    (Conv("Conv2d_0a_1x1", 256), Conv("Conv2d_1a_3x3", 288, stride=2, padding="valid")),
    (
        Conv("Conv2d_0a_1x1", 256),
        Conv("Conv2d_0b_3x3", 288),
        Conv("Conv2d_1a_3x3", 320, stride=2, padding="valid"),
    ),
    (MaxPool("MaxPool_1a_3x3"),),
)
# Figures 16, 17 and 19, with the filters of the released network.
_RESIDUAL_35: tuple[Branch, ...] = (
    (Conv("Conv2d_1x1", 32),),
    (Conv("Conv2d_0a_1x1", 32), Conv("Conv2d_0b_3x3", 32)),
    (Conv("Conv2d_0a_1x1", 32), Conv("Conv2d_0b_3x3", 48), Conv("Conv2d_0c_3x3", 64)),
)
_RESIDUAL_17: tuple[Branch, ...] = (
    (Conv("Conv2d_1x1", 192),),
    (Conv("Conv2d_0a_1x1", 128), Conv("Conv2d_0b_1x7", 160), Conv("Conv2d_0c_7x1", 192)),
)
_RESIDUAL_8: tuple[Branch, ...] = (
    (Conv("Conv2d_1x1", 192),),
    (Conv("Conv2d_0a_1x1", 192), Conv("Conv2d_0b_1x3", 224), Conv("Conv2d_0c_3x1", 256)),
)


def build_inception_resnet_v2(input_size: int, se: bool) -> keras.Model:
    """The trunk: (B, S, S, 3) in -1..1 -> (B, g, g, 1536); g is 8, 12, 16 at 299, 448, 560 pixels.

    Args:
        input_size: S, at least 75.
        se: with the gates; without them it is the network of keras.applications under slim's names.
    """
    image = keras.Input((input_size, input_size, 3))
    x = mixed_block(apply_steps(image, STEM), "Mixed_5b", _MIXED_5B, se)
    for index in range(1, 11):
        x = _residual(x, f"Repeat_block35_{index}", _RESIDUAL_35, 0.17, se)
    x = mixed_block(x, "Mixed_6a", _MIXED_6A, se)
    for index in range(1, 21):
        x = _residual(x, f"Repeat_1_block17_{index}", _RESIDUAL_17, 0.1, se)
    x = mixed_block(x, "Mixed_7a", _MIXED_7A, se)
    for index in range(1, 10):
        x = _residual(x, f"Repeat_2_block8_{index}", _RESIDUAL_8, 0.2, se)
    x = _residual(x, "Block8", _RESIDUAL_8, 1.0, se, activate=False)
    x = Conv("Conv2d_7b_1x1", 1536)(x, "")
    return keras.Model(image, x, name="inception_resnet_v2_se" if se else "inception_resnet_v2")


def _residual(x: Any, name: str, branches: tuple[Branch, ...], scale: float, se: bool, activate: bool = True) -> Any:
    """x + gate(scale * (W concat(branches) + b)), then ReLU. Scaling keeps training stable (section 3.3)."""
    inner = mixed_block(x, name, branches)
    up = layers.Conv2D(x.shape[-1], 1, kernel_initializer="he_normal", name=f"{name}_Conv2d_1x1")(inner)
    up = layers.Rescaling(scale, name=f"{name}_Scale")(up)
    if se:
        up = squeeze_and_excite(up, f"{name}_SE_block")
    x = layers.Add(name=f"{name}_Add")([x, DropPath(name=f"{name}_Drop")(up)])
    return layers.ReLU(name=f"{name}_Relu")(x) if activate else x


BACKBONES.register("inception_resnet_v2_se")(
    Architecture(partial(build_inception_resnet_v2, se=True), centred, 299, SMALLEST)
)
