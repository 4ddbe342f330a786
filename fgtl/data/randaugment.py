"""RandAugment: N operations an image, drawn from 14, all of one strength (Cubuk et al. 2020).

The operations, and how far each goes at full magnitude, are those of the paper's search space (Cubuk et al. 2019,
table 6, without inversion, sample pairing and cutout). Where an operation has a direction, it is drawn. The paper's code
moves brightness, colour, contrast and sharpness from 0.1 to 1.9 with the magnitude, so that 5 of 10 does nothing; here
they go from 1 both ways, so that more magnitude is more change throughout.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from fgtl.data import image_ops
from fgtl.data.crops import DRAWS
from fgtl.data.draws import uniforms
from fgtl.data.knobs import AugmentKnobs

# Behind the draws of the crop, the colours and the erasing.
_FIRST = DRAWS + 64


@dataclass(frozen=True)
class Operation:
    """One kind of change.

    Attributes:
        name: of the paper.
        apply: (image (S, S, 3) float32 in 0..255, strength () float32) -> the same kind of image.
        strength: (level in 0..1, direction -1 or 1) -> what `apply` takes, in its unit.
    """

    name: str
    apply: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
    strength: Callable[[float, int], float] = lambda level, direction: 0.0


def _factor(level: float, direction: int) -> float:
    return 1 + direction * 0.9 * level


def _shear(level: float, direction: int) -> float:
    return direction * 0.3 * level


def _shift(level: float, direction: int) -> float:
    # 150 of the 331 pixels that the search had.
    return direction * 150 / 331 * level


OPERATIONS = (
    Operation("identity", lambda image, _: image),
    Operation("autocontrast", lambda image, _: image_ops.autocontrast(image)),
    Operation("equalize", lambda image, _: image_ops.equalize(image)),
    Operation("rotate", image_ops.rotate, lambda level, direction: direction * 30 * level),
    Operation("solarize", image_ops.solarize, lambda level, _: 256 * (1 - level)),
    Operation("colour", image_ops.colour, _factor),
    Operation("posterize", image_ops.posterize, lambda level, _: 8 - round(4 * level)),
    Operation("contrast", image_ops.contrast, _factor),
    Operation("brightness", image_ops.brightness, _factor),
    Operation("sharpness", image_ops.sharpness, _factor),
    Operation("shear_x", image_ops.shear_x, _shear),
    Operation("shear_y", image_ops.shear_y, _shear),
    Operation("translate_x", image_ops.translate_x, _shift),
    Operation("translate_y", image_ops.translate_y, _shift),
)


def draw_operations(keys: NDArray[np.uint64], knobs: AugmentKnobs) -> NDArray[np.float32]:
    """Which operations each image undergoes, and how strongly; each is drawn from all, so one may come twice.

    Args:
        keys: (n,) uint64, see `fgtl.data.draws`.

    Returns:
        (n, N, 2) float32, N = `randaugment_layers`: index into `OPERATIONS`, strength.
    """
    layers, level = knobs.randaugment_layers, knobs.randaugment_magnitude / 10
    draws = uniforms(keys, _FIRST, 2 * layers).reshape(len(keys), layers, 2)
    kinds = np.floor(draws[..., 0] * len(OPERATIONS)).astype(np.int64)
    strengths = np.array([[kind.strength(level, direction) for direction in (-1, 1)] for kind in OPERATIONS])
    return np.stack([kinds, strengths[kinds, (draws[..., 1] < 0.5).astype(np.int64)]], axis=-1).astype(np.float32)


def randaugmented(image: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
    """An image after its operations.

    Args:
        image: (S, S, 3) float32 in 0..255.
        rows: (N, 2) float32, one image's part of `draw_operations`.

    Cost at 224 px: 0.8 ms of one core an operation, on average over the 14; see `fgtl.data.image_ops`.
    """
    for layer in range(rows.shape[0]):
        kind, strength = rows[layer, 0], rows[layer, 1]
        branches = [partial(operation.apply, image, strength) for operation in OPERATIONS]
        image = tf.ensure_shape(tf.switch_case(tf.cast(kind, tf.int32), branches), image.shape)
    return image
