"""From encoded bytes to a square float image, one image at a time: fused decoding and cropping, bilinear resize."""

import tensorflow as tf

FAST, ACCURATE = "INTEGER_FAST", "INTEGER_ACCURATE"


def decode_window(data: tf.Tensor, image_format: tf.Tensor, window: tf.Tensor, *, dct: str) -> tf.Tensor:
    """Decode the pixels of one window.

    A JPEG is decoded only where the window is. A PNG has no such short cut and is decoded whole.

    Args:
        data: () string, a JPEG or PNG file.
        image_format: () string, "jpeg" or "png", the true format.
        window: (4,) int32, (top, left, height, width) in pixels.
        dct: FAST, or ACCURATE: the same pixels as Pillow; for JPEG only.

    Returns:
        (height, width, 3) uint8; grey is repeated over the three channels.
    """

    def jpeg() -> tf.Tensor:
        return tf.io.decode_and_crop_jpeg(data, window, channels=3, dct_method=dct)

    def png() -> tf.Tensor:
        return tf.slice(tf.io.decode_png(data, channels=3), [window[0], window[1], 0], [window[2], window[3], 3])

    image = tf.cond(image_format == "png", png, jpeg)
    return tf.ensure_shape(image, (None, None, 3))


def resize(image: tf.Tensor, size: int, *, legacy: bool) -> tf.Tensor:
    """Bilinear resize to a square, ignoring the aspect and without antialiasing, as the original does.

    Args:
        image: (H, W, 3) uint8 or float32.
        size: S, pixels.
        legacy: the grid of TensorFlow 1 (align_corners=False without half-pixel centres), a shift of up to half a
            source pixel against today's; released weights of that time were trained with it.

    Returns:
        (S, S, 3) float32 in the range of the input.
    """
    # The raw operation: tf.image.resize would convert, check shapes and cast around the same kernel.
    square = tf.raw_ops.ResizeBilinear(images=image[None], size=[size, size], half_pixel_centers=not legacy)[0]
    return tf.ensure_shape(square, (size, size, 3))


def place(image: tf.Tensor, where: tf.Tensor, size: int) -> tf.Tensor:
    """What of a resized image lies in a square, without computing the rest: bilinear, antialiased where it shrinks.

    The same as that part of Pillow's bilinear resize of the whole, but for Pillow's rounding to whole values.

    Args:
        image: (H, W, 3) uint8.
        where: (4,) float32, a row of `fgtl.data.framing.Frames.places`.
        size: S, pixels.

    Returns:
        (S, S, 3) float32 in the range of the input; 0 where there is no image.
    """
    square = tf.raw_ops.ScaleAndTranslate(
        images=image[None],
        size=[size, size],
        scale=where[:2],
        translation=where[2:],
        kernel_type="triangle",
        antialias=True,
    )[0]
    return tf.ensure_shape(square, (size, size, 3))
