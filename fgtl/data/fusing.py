"""Operations on images compiled to one loop over the pixels, where TensorFlow can do that inside tf.data."""

import functools
from collections.abc import Callable

import tensorflow as tf

ImageOperation = Callable[..., tf.Tensor]


def fused(operation: ImageOperation) -> ImageOperation:
    """The operation compiled by XLA; as it stands where XLA cannot be used."""
    compiled = tf.function(operation, jit_compile=True, autograph=False)

    @functools.wraps(operation)
    def called(*arguments: tf.Tensor) -> tf.Tensor:
        return (compiled if can_fuse() else operation)(*arguments)

    return called


@functools.cache
def can_fuse() -> bool:
    """Whether this TensorFlow compiles a function that is called in tf.data; tried once, on one pixel."""
    with tf.init_scope():
        pixel = tf.data.Dataset.from_tensors(tf.ones((1, 1, 3)))
        try:
            next(iter(pixel.map(lambda image: _doubled(image)[0])))
        except tf.errors.OpError:
            return False
    return True


@tf.function(jit_compile=True, autograph=False)
def _doubled(image: tf.Tensor) -> tf.Tensor:
    return image + image
