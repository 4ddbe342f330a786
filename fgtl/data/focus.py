"""Blurring and sharpening of some training images, as the plug-in paper's program has them (Chou et al. 2022).

There both act on whole values of 0..255 and round; here nothing is rounded before the network.
"""

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from fgtl.data.crops import DRAWS
from fgtl.data.draws import uniforms
from fgtl.data.fusing import fused
from fgtl.data.image_ops import sharpness

SIGMA = (0.1, 5.0)
SHARPENED = 1.5
# Pixels that the blur reaches to either side: 5 x 5.
REACH = 2

# Behind the draws of the crop, the colours, the erasing and RandAugment.
_FIRST = DRAWS + 96


def draw_blurs(keys: NDArray[np.uint64], probability: float) -> NDArray[np.float32]:
    """(n,) float32: each image's sigma, uniform in 0.1 to 5 pixels; 0 where it is not blurred.

    Args:
        keys: (n,) uint64, see `fgtl.data.draws`.
        probability: of being blurred.
    """
    draws = uniforms(keys, _FIRST, 2)
    sigmas = SIGMA[0] + draws[:, 1] * (SIGMA[1] - SIGMA[0])
    return np.where(draws[:, 0] < probability, sigmas, 0).astype(np.float32)


def draw_sharpenings(keys: NDArray[np.uint64], probability: float) -> NDArray[np.bool_]:
    """(n,) bool: which images are sharpened."""
    return uniforms(keys, _FIRST + 2, 1)[:, 0] < probability


def blur(image: tf.Tensor, sigma: tf.Tensor) -> tf.Tensor:
    """An (S, S, 3) float32 image blurred with sigma, () float32 pixels; with 0 as it is."""
    if min(image.shape[:2]) <= REACH:
        return image
    return tf.cond(sigma > 0, lambda: _blurred(image, sigma), lambda: image)


def sharpen(image: tf.Tensor, sharpened: tf.Tensor) -> tf.Tensor:
    """An (S, S, 3) float32 image in 0..255, by a factor of 1.5 sharper where `sharpened`, () bool, says so."""
    return tf.cond(sharpened, lambda: sharpness(image, tf.constant(SHARPENED)), lambda: image)


@fused
def _blurred(image: tf.Tensor, sigma: tf.Tensor) -> tf.Tensor:
    """Weights exp(-x^2 / (2 sigma^2)) over x = -2 ... 2 on both axes, of sum 1; the image is mirrored at its border."""
    places = tf.range(-REACH, REACH + 1, dtype=tf.float32)
    weights = tf.exp(-tf.square(places / sigma) / 2)
    weights /= tf.reduce_sum(weights)
    height, width = image.shape[:2]
    padded = tf.pad(image, [[REACH, REACH], [REACH, REACH], [0, 0]], "REFLECT")
    rows = tf.add_n([weights[step] * padded[step : step + height] for step in range(2 * REACH + 1)])
    return tf.add_n([weights[step] * rows[:, step : step + width] for step in range(2 * REACH + 1)])
