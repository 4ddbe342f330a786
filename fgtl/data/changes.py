"""The changes that the knobs ask for, made to each training image one after the other."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from fgtl.data.augment import colour, mirror
from fgtl.data.erasing import draw_boxes, erase
from fgtl.data.focus import blur, draw_blurs, draw_sharpenings, sharpen
from fgtl.data.knobs import InputKnobs
from fgtl.data.randaugment import draw_operations, randaugmented
from fgtl.data.slow_colour import colour_slow


@dataclass(frozen=True, eq=False)
class Change:
    """A change of an (S, S, 3) float32 image in 0..255 that has draws of its own.

    Attributes:
        spec: of what is drawn for one image.
        draw: keys (n,) uint64 -> what is drawn for each, (n, ...).
        apply: image and what was drawn for it -> changed image.
    """

    spec: tf.TensorSpec
    draw: Callable[[NDArray[np.uint64]], NDArray[Any]]
    apply: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def look_spec(knobs: InputKnobs) -> tf.TensorSpec:
    """Of one row of `fgtl.data.augment.Augmentation.looks`."""
    return tf.TensorSpec((6 if knobs.colour == "slow" else 3,), tf.float32)


def looked(image: tf.Tensor, look: tf.Tensor, knobs: InputKnobs) -> tf.Tensor:
    """The image mirrored and coloured as a row of looks says."""
    if knobs.flip:
        image = mirror(image, look[0] > 0)
    if knobs.colour == "fast":
        return colour(image, look[1], look[2])
    return colour_slow(image, look) if knobs.colour == "slow" else image


def changes_of(knobs: InputKnobs) -> tuple[Change, ...]:
    """Blur, sharpening, RandAugment, erasing, in this order, after mirroring and colouring. By default none."""
    changes = []
    if knobs.blur:
        changes.append(Change(tf.TensorSpec((), tf.float32), partial(draw_blurs, probability=knobs.blur), blur))
    if knobs.sharpen:
        drawn = partial(draw_sharpenings, probability=knobs.sharpen)
        changes.append(Change(tf.TensorSpec((), tf.bool), drawn, sharpen))
    if knobs.randaugment_layers:
        rows = tf.TensorSpec((knobs.randaugment_layers, 2), tf.float32)
        changes.append(Change(rows, partial(draw_operations, knobs=knobs), randaugmented))
    if knobs.erasing:
        draw = partial(draw_boxes, size=knobs.image_size, probability=knobs.erasing)
        changes.append(Change(tf.TensorSpec((4,), tf.int32), draw, erase))
    return tuple(changes)
