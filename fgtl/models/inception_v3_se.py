"""Inception-V3-SE: Inception-V3 with a squeeze-and-excitation gate behind each of its eleven mixed blocks.

Szegedy et al. 2016 (Rethinking the Inception Architecture), Hu et al. 2018 (SE); the network of Cui et al. 2018. Layers
have TF-Slim's names with its slips: two kernels of Mixed_6a are 3x3 and called 1x1, Mixed_5c has names of its own, and
the same fork is 0b, 0b in Mixed_7b and 0b, 0c in Mixed_7c.
"""

from functools import partial

import keras

from fgtl.models.applications import centred
from fgtl.models.backbone import BACKBONES, Architecture
from fgtl.models.slim_blocks import STEM, AvgPool, Branch, Conv, Fork, MaxPool, apply_steps, mixed_block

SMALLEST = 75


def _block_35(pooled: int, five: tuple[str, str] = ("Conv2d_0a_1x1", "Conv2d_0b_5x5")) -> tuple[Branch, ...]:
    """Figure 5 of the paper, with one 5x5; `pooled` filters behind the average."""
    return (
        (Conv("Conv2d_0a_1x1", 64),),
        (Conv(five[0], 48), Conv(five[1], 64)),
        (Conv("Conv2d_0a_1x1", 64), Conv("Conv2d_0b_3x3", 96), Conv("Conv2d_0c_3x3", 96)),
        (AvgPool(), Conv("Conv2d_0b_1x1", pooled)),
    )


def _block_17(inner: int) -> tuple[Branch, ...]:
    """Figure 6 with n = 7; `inner` filters inside the branches."""
    return (
        (Conv("Conv2d_0a_1x1", 192),),
        (Conv("Conv2d_0a_1x1", inner), Conv("Conv2d_0b_1x7", inner), Conv("Conv2d_0c_7x1", 192)),
        (
            Conv("Conv2d_0a_1x1", inner),
            Conv("Conv2d_0b_7x1", inner),
            Conv("Conv2d_0c_1x7", inner),
            Conv("Conv2d_0d_7x1", inner),
            Conv("Conv2d_0e_1x7", 192),
        ),
        (AvgPool(), Conv("Conv2d_0b_1x1", 192)),
    )


def _block_8(second: str) -> tuple[Branch, ...]:
    """Figure 7; `second` is slim's name of the first fork's 3x1."""
    return (
        (Conv("Conv2d_0a_1x1", 320),),
        (Conv("Conv2d_0a_1x1", 384), Fork((Conv("Conv2d_0b_1x3", 384), Conv(second, 384)))),
        (
            Conv("Conv2d_0a_1x1", 448),
            Conv("Conv2d_0b_3x3", 384),
            Fork((Conv("Conv2d_0c_1x3", 384), Conv("Conv2d_0d_3x1", 384))),
        ),
        (AvgPool(), Conv("Conv2d_0b_1x1", 192)),
    )


_SHRINK_35: tuple[Branch, ...] = (
    (Conv("Conv2d_1a_1x1", 384, stride=2, padding="valid", kernel=(3, 3)),),
    (
        Conv("Conv2d_0a_1x1", 64),
        Conv("Conv2d_0b_3x3", 96),
        Conv("Conv2d_1a_1x1", 96, stride=2, padding="valid", kernel=(3, 3)),
    ),
    (MaxPool("MaxPool_1a_3x3"),),
)
_SHRINK_17: tuple[Branch, ...] = (
    (Conv("Conv2d_0a_1x1", 192), Conv("Conv2d_1a_3x3", 320, stride=2, padding="valid")),
    (
        Conv("Conv2d_0a_1x1", 192),
        Conv("Conv2d_0b_1x7", 192),
        Conv("Conv2d_0c_7x1", 192),
        Conv("Conv2d_1a_3x3", 192, stride=2, padding="valid"),
    ),
    (MaxPool("MaxPool_1a_3x3"),),
)

BLOCKS: dict[str, tuple[Branch, ...]] = {
    "Mixed_5b": _block_35(32),
    "Mixed_5c": _block_35(64, ("Conv2d_0b_1x1", "Conv_1_0c_5x5")),
    "Mixed_5d": _block_35(64),
    "Mixed_6a": _SHRINK_35,
    "Mixed_6b": _block_17(128),
    "Mixed_6c": _block_17(160),
    "Mixed_6d": _block_17(160),
    "Mixed_6e": _block_17(192),
    "Mixed_7a": _SHRINK_17,
    "Mixed_7b": _block_8("Conv2d_0b_3x1"),
    "Mixed_7c": _block_8("Conv2d_0c_3x1"),
}


def build_inception_v3(input_size: int, se: bool) -> keras.Model:
    """The trunk: (B, S, S, 3) in -1..1 -> (B, g, g, 2048); g is 8, 12, 16 at 299, 448, 560 pixels.

    Args:
        input_size: S, at least 75.
        se: with the gates; without them it is the network of keras.applications under slim's names.
    """
    image = keras.Input((input_size, input_size, 3))
    x = apply_steps(image, STEM)
    for name, branches in BLOCKS.items():
        x = mixed_block(x, name, branches, se)
    return keras.Model(image, x, name="inception_v3_se" if se else "inception_v3")


BACKBONES.register("inception_v3_se")(Architecture(partial(build_inception_v3, se=True), centred, 299, SMALLEST))
