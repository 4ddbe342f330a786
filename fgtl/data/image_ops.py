"""Operations on one image, each the same as Pillow's of that name up to rounding; what RandAugment draws from.

All take and give (H, W, 3) float32 in 0..255 and need not have whole values. Where pixels from outside the image come
in, they are grey, 128.

Cost at 224 px, ms of one core: rotate, shear 2.1; equalize 1.8; autocontrast, sharpness 0.5; the others 0.1 to 0.4.
"""

import math

import tensorflow as tf

from fgtl.data.fusing import fused

GREY = 128.0
# ITU-R 601, as Pillow turns colours into grey.
LUMA = (0.299, 0.587, 0.114)


@fused
def autocontrast(image: tf.Tensor) -> tf.Tensor:
    """Each channel stretched to 0..255; a channel of one value stays."""
    pixels = tf.reshape(image, [-1, 3])
    low, high = tf.reduce_min(pixels, axis=0), tf.reduce_max(pixels, axis=0)
    stretched = tf.minimum((image - low) * (255 / tf.maximum(high - low, 1e-3)), 255.0)
    return tf.where(high > low, stretched, image)


def equalize(image: tf.Tensor) -> tf.Tensor:
    """Each channel's values spread so that all are about equally frequent.

    With h the histogram of the channel's whole values, n_i the pixels below value i, and s the pixels below the
    brightest value over 255, rounded down:

        i  ->  min(255, (s // 2 + n_i) // s)

    A channel with s = 0 stays.
    """
    places = tf.cast(tf.round(image), tf.int32) + tf.constant([0, 256, 512])
    none = tf.constant([], tf.int32)
    counts = tf.reshape(tf.raw_ops.DenseBincount(input=tf.reshape(places, [-1]), size=768, weights=none), [3, 256])
    below = tf.cumsum(counts, axis=1, exclusive=True)
    brightest = tf.reduce_max(tf.where(counts > 0, counts * 0 + tf.range(256), 0), axis=1, keepdims=True)
    step = tf.gather(below, brightest, batch_dims=1) // 255
    spread = tf.minimum(255, (step // 2 + below) // tf.maximum(step, 1))
    table = tf.where(step > 0, spread, tf.range(256)[None])
    return tf.gather(tf.reshape(tf.cast(table, tf.float32), [-1]), places)


@fused
def solarize(image: tf.Tensor, threshold: tf.Tensor) -> tf.Tensor:
    """Values from the threshold on, inverted."""
    return tf.where(image < threshold, image, 255 - image)


@fused
def posterize(image: tf.Tensor, bits: tf.Tensor) -> tf.Tensor:
    """Only the upper `bits` of the 8 bits of each value kept."""
    step = tf.pow(2.0, 8 - bits)
    return tf.floor(tf.round(image) / step) * step


@fused
def brightness(image: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """A blend with black: 0 is black, 1 the image."""
    return _blended(tf.zeros((), image.dtype), image, factor)


@fused
def colour(image: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """A blend with the image in grey: 0 is grey, 1 the image."""
    return _blended(_luma(image)[..., None], image, factor)


@fused
def contrast(image: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """A blend with the image's mean grey: 0 is an even grey, 1 the image."""
    return _blended(tf.reduce_mean(_luma(image)), image, factor)


@fused
def sharpness(image: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """A blend with the smoothed image: 0 is smooth, 1 the image, 2 sharp. The outermost pixels stay.

    Smoothed is 1/13 of the sum over 3 x 3 pixels, the middle one counted five times.
    """
    if min(image.shape[:2]) < 3:
        return image
    rows = image[:-2] + image[1:-1] + image[2:]
    inner = image[1:-1, 1:-1]
    smooth = (rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:] + 4 * inner) / 13
    change = tf.pad((1 - factor) * (smooth - inner), [[1, 1], [1, 1], [0, 0]])
    return tf.clip_by_value(image + change, 0.0, 255.0)


def rotate(image: tf.Tensor, degrees: tf.Tensor) -> tf.Tensor:
    """Turned counter-clockwise about its middle."""
    angle = degrees * (math.pi / 180)
    cosine, sine = tf.cos(angle), tf.sin(angle)
    middle_y, middle_x = (image.shape[0] - 1) / 2, (image.shape[1] - 1) / 2
    return _projected(
        image,
        [cosine, -sine, middle_x - cosine * middle_x + sine * middle_y],
        [sine, cosine, middle_y - sine * middle_x - cosine * middle_y],
    )


def shear_x(image: tf.Tensor, amount: tf.Tensor) -> tf.Tensor:
    """Row y (from the top, to the middle of its pixels) moved left by amount * y pixels."""
    return _projected(image, [1.0, amount, amount / 2], [0.0, 1.0, 0.0])


def shear_y(image: tf.Tensor, amount: tf.Tensor) -> tf.Tensor:
    """Column x (from the left, to the middle of its pixels) moved up by amount * x pixels."""
    return _projected(image, [1.0, 0.0, 0.0], [amount, 1.0, amount / 2])


def translate_x(image: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
    """Moved left by a share of its width, in whole pixels."""
    return _moved(image, share, 1)


def translate_y(image: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
    """Moved up by a share of its height, in whole pixels."""
    return _moved(image, share, 0)


def _luma(image: tf.Tensor) -> tf.Tensor:
    return LUMA[0] * image[..., 0] + LUMA[1] * image[..., 1] + LUMA[2] * image[..., 2]


def _blended(other: tf.Tensor, image: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    return tf.clip_by_value(other + factor * (image - other), 0.0, 255.0)


def _projected(image: tf.Tensor, to_x: list[tf.Tensor], to_y: list[tf.Tensor]) -> tf.Tensor:
    """Bilinear: output pixel (x, y) comes from (to_x . (x, y, 1), to_y . (x, y, 1))."""
    projected = tf.raw_ops.ImageProjectiveTransformV3(
        images=image[None],
        transforms=tf.stack([*to_x, *to_y, 0.0, 0.0])[None],
        output_shape=image.shape[:2],
        fill_value=GREY,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )[0]
    # Weights of a sum of 1 but for their rounding.
    return tf.minimum(projected, 255.0)


def _moved(image: tf.Tensor, share: tf.Tensor, axis: int) -> tf.Tensor:
    """Whole pixels need no interpolation: cut out of an image with a grey margin, a tenth of the cost."""
    side = image.shape[axis]
    pixels = tf.cast(tf.round(share * side), tf.int32)
    margins = [[0, 0], [0, 0], [0, 0]]
    margins[axis] = [side, side]
    start = tf.one_hot(axis, 3, dtype=tf.int32) * (side + pixels)
    return tf.slice(tf.pad(image, margins, constant_values=GREY), start, image.shape)
