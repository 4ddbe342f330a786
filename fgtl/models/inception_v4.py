"""Inception-V4: Szegedy et al. 2016 (Inception-v4, Inception-ResNet and the Impact of Residual Connections).

Layers have TF-Slim's names, see `slim_blocks`.
"""

import keras

from fgtl.models.applications import centred
from fgtl.models.backbone import BACKBONES, Architecture
from fgtl.models.slim_blocks import AvgPool, Branch, Conv, Fork, MaxPool, apply_steps, mixed_block

# Figure 3: 299 -> 35 pixels, 384 channels.
_STEM: Branch = (
    Conv("Conv2d_1a_3x3", 32, stride=2, padding="valid"),
    Conv("Conv2d_2a_3x3", 32, padding="valid"),
    Conv("Conv2d_2b_3x3", 64),
)
_STEM_BLOCKS: dict[str, tuple[Branch, ...]] = {
    "Mixed_3a": ((MaxPool("MaxPool_0a_3x3"),), (Conv("Conv2d_0a_3x3", 96, stride=2, padding="valid"),)),
    "Mixed_4a": (
        (Conv("Conv2d_0a_1x1", 64), Conv("Conv2d_1a_3x3", 96, padding="valid")),
        (
            Conv("Conv2d_0a_1x1", 64),
            Conv("Conv2d_0b_1x7", 64),
            Conv("Conv2d_0c_7x1", 64),
            Conv("Conv2d_1a_3x3", 96, padding="valid"),
        ),
    ),
    "Mixed_5a": ((Conv("Conv2d_1a_3x3", 192, stride=2, padding="valid"),), (MaxPool("MaxPool_1a_3x3"),)),
}

# Figure 4.
_INCEPTION_A: tuple[Branch, ...] = (
    (Conv("Conv2d_0a_1x1", 96),),
    (Conv("Conv2d_0a_1x1", 64), Conv("Conv2d_0b_3x3", 96)),
    (Conv("Conv2d_0a_1x1", 64), Conv("Conv2d_0b_3x3", 96), Conv("Conv2d_0c_3x3", 96)),
    (AvgPool(), Conv("Conv2d_0b_1x1", 96)),
)
# Figure 7 with k, l, m, n = 192, 224, 256, 384 (table 1).
_REDUCTION_A: tuple[Branch, ...] = (
    (Conv("Conv2d_1a_3x3", 384, stride=2, padding="valid"),),
    (
        Conv("Conv2d_0a_1x1", 192),
        Conv("Conv2d_0b_3x3", 224),
        Conv("Conv2d_1a_3x3", 256, stride=2, padding="valid"),
    ),
    (MaxPool("MaxPool_1a_3x3"),),
)
# Figure 5.
_INCEPTION_B: tuple[Branch, ...] = (
    (Conv("Conv2d_0a_1x1", 384),),
    (Conv("Conv2d_0a_1x1", 192), Conv("Conv2d_0b_1x7", 224), Conv("Conv2d_0c_7x1", 256)),
    (
        Conv("Conv2d_0a_1x1", 192),
        Conv("Conv2d_0b_7x1", 192),
        Conv("Conv2d_0c_1x7", 224),
        Conv("Conv2d_0d_7x1", 224),
        Conv("Conv2d_0e_1x7", 256),
    ),
    (AvgPool(), Conv("Conv2d_0b_1x1", 128)),
)
# Figure 8.
_REDUCTION_B: tuple[Branch, ...] = (
    (Conv("Conv2d_0a_1x1", 192), Conv("Conv2d_1a_3x3", 192, stride=2, padding="valid")),
    (
        Conv("Conv2d_0a_1x1", 256),
        Conv("Conv2d_0b_1x7", 256),
        Conv("Conv2d_0c_7x1", 320),
        Conv("Conv2d_1a_3x3", 320, stride=2, padding="valid"),
    ),
    (MaxPool("MaxPool_1a_3x3"),),
)
# Figure 6.
_INCEPTION_C: tuple[Branch, ...] = (
    (Conv("Conv2d_0a_1x1", 256),),
    (Conv("Conv2d_0a_1x1", 384), Fork((Conv("Conv2d_0b_1x3", 256), Conv("Conv2d_0c_3x1", 256)))),
    (
        Conv("Conv2d_0a_1x1", 384),
        Conv("Conv2d_0b_3x1", 448),
        Conv("Conv2d_0c_1x3", 512),
        Fork((Conv("Conv2d_0d_1x3", 256), Conv("Conv2d_0e_3x1", 256))),
    ),
    (AvgPool(), Conv("Conv2d_0b_1x1", 256)),
)

BLOCKS: dict[str, tuple[Branch, ...]] = {
    **_STEM_BLOCKS,
    **{f"Mixed_5{letter}": _INCEPTION_A for letter in "bcde"},
    "Mixed_6a": _REDUCTION_A,
    **{f"Mixed_6{letter}": _INCEPTION_B for letter in "bcdefgh"},
    "Mixed_7a": _REDUCTION_B,
    **{f"Mixed_7{letter}": _INCEPTION_C for letter in "bcd"},
}


def build_inception_v4(input_size: int) -> keras.Model:
    """The trunk: (B, S, S, 3) in -1..1 -> (B, g, g, 1536); g is 8, 12, 16 at 299, 448, 560 pixels."""
    image = keras.Input((input_size, input_size, 3))
    x = apply_steps(image, _STEM)
    for name, branches in BLOCKS.items():
        x = mixed_block(x, name, branches)
    return keras.Model(image, x, name="inception_v4")


BACKBONES.register("inception_v4")(Architecture(build_inception_v4, centred, 299, 75))
