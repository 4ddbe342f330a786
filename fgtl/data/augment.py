"""What training does to an image besides cutting a window: mirror it, and change its colours.

The draws are made with NumPy for many images at once (`draw_augmentation`) and applied with TensorFlow to each image
(`mirror`, `colour`, `fgtl.data.slow_colour`), so that the pipeline's threads do pixels only.
"""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from fgtl.data.crops import DRAWS
from fgtl.data.draws import uniforms
from fgtl.data.framing import random_frames
from fgtl.data.fusing import can_fuse
from fgtl.data.knobs import InputKnobs
from fgtl.data.slow_colour import CONTRAST, HUE, ORDERS

BRIGHTNESS = 32.0
SATURATION = (0.5, 1.5)


@dataclass(frozen=True, eq=False)
class Augmentation:
    """What is done to each of n images.

    Attributes:
        windows, places: (n, 4) int32 and float32, see `fgtl.data.framing.Frames`.
        looks: (n, 3) float32: 1 where the image is mirrored, else 0; what is added to each value (of 0..255); the
            factor of the saturation. With --colour slow (n, 6): further what is added to the hue, in turns; the factor
            of the contrast; which of the ORDERS.
    """

    windows: NDArray[np.int32]
    places: NDArray[np.float32]
    looks: NDArray[np.float32]


def draw_augmentation(
    keys: NDArray[np.uint64], heights: NDArray[np.int32], widths: NDArray[np.int32], knobs: InputKnobs
) -> Augmentation:
    """The augmentation of each image, a pure function of its key.

    Each kind of change has draws of its own, so switching one off leaves the others as they were.

    Args:
        keys: (n,) uint64, from `fgtl.data.draws.image_keys`.
        heights, widths: (n,) int32, pixels of the stored images.
    """
    frames = random_frames(keys, heights, widths, knobs)
    draws = uniforms(keys, DRAWS, 6)
    flips = draws[:, 0] < 0.5 if knobs.flip else np.zeros(len(keys), bool)
    brightness = (2 * draws[:, 1] - 1) * BRIGHTNESS
    saturation = SATURATION[0] + draws[:, 2] * (SATURATION[1] - SATURATION[0])
    looks = [flips, brightness, saturation]
    if knobs.colour == "slow":
        looks.append((2 * draws[:, 3] - 1) * HUE)
        looks.append(CONTRAST[0] + draws[:, 4] * (CONTRAST[1] - CONTRAST[0]))
        looks.append(np.floor(draws[:, 5] * len(ORDERS)))
    return Augmentation(frames.windows, frames.places, np.stack(looks, axis=1).astype(np.float32))


def mirror(image: tf.Tensor, flip: tf.Tensor) -> tf.Tensor:
    """Mirror an (H, W, C) image left to right where `flip`, () bool, says so."""
    return tf.cond(flip, lambda: tf.reverse(image, [1]), lambda: image)


def colour(image: tf.Tensor, brightness: tf.Tensor, saturation: tf.Tensor) -> tf.Tensor:
    """Brightness, then saturation, then clipping: the "fast mode" of the Inception preprocessing.

    Equals tf.image.adjust_brightness and tf.image.adjust_saturation on image / 255: both are homogeneous in the
    pixel values, so the image need not be scaled to 0..1 and back.

    Args:
        image: (H, W, 3) float32 in 0..255.
        brightness: () float32, added to each value.
        saturation: () float32, factor of the saturation in the sense of HSV.

    Returns:
        (H, W, 3) float32 in 0..255.

    Cost at 224 px: 0.1 ms of one core, fused; 0.5 ms by TensorFlow's kernel, where XLA cannot be used.
    """
    return (colour_fused if can_fuse() else colour_by_kernel)(image, brightness, saturation)


def colour_by_kernel(image: tf.Tensor, brightness: tf.Tensor, saturation: tf.Tensor) -> tf.Tensor:
    """`colour` by way of HSV, in TensorFlow's own operation."""
    changed = tf.raw_ops.AdjustSaturation(images=image + brightness, scale=saturation)
    return tf.clip_by_value(changed, 0.0, 255.0)


@tf.function(jit_compile=True, autograph=False)
def colour_fused(image: tf.Tensor, brightness: tf.Tensor, saturation: tf.Tensor) -> tf.Tensor:
    """`colour` without the detour through HSV, as one loop over the pixels.

    With V = max and m = min of a pixel's channels, s = (V - m) / V. Scaling s by f, at most to 1, moves each value

        x  ->  V - (V - x) k,     k = min(f, V / (V - m))
    """
    image = image + brightness
    # Slices and not reductions over the last axis: those are not vectorised.
    red, green, blue = image[..., 0], image[..., 1], image[..., 2]
    value = tf.maximum(tf.maximum(red, green), blue)
    low = tf.minimum(tf.minimum(red, green), blue)
    # A grey pixel has V = m, and any k will do. Where V < 0, k < 0 moves no value above 0: it is clipped to black.
    factor = tf.minimum(saturation, value / tf.maximum(value - low, 1e-6))
    value, factor = value[..., None], factor[..., None]
    return tf.clip_by_value(value - (value - image) * factor, 0.0, 255.0)
