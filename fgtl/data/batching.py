"""What training and evaluation do alike to a stream of decoded images: make squares of them, and batches."""

import tensorflow as tf

from fgtl.data.decode import place, resize
from fgtl.data.knobs import ReadKnobs, ViewKnobs
from fgtl.data.pool import usable_cores

# Of one row of `fgtl.data.framing.Frames.places`.
PLACE = tf.TensorSpec((4,), tf.float32)


def square(pixels: tf.Tensor, where: tf.Tensor, knobs: ViewKnobs) -> tf.Tensor:
    """(S, S, 3) float32 from the (h, w, 3) uint8 pixels of a window and its place, see `fgtl.data.framing.Frames`."""
    if knobs.resize:
        return place(pixels, where, knobs.image_size)
    return resize(pixels, knobs.image_size, legacy=knobs.legacy_resize)


def batched(
    images: tf.data.Dataset, batch_size: int, count: int, knobs: ReadKnobs, *, ordered: bool = True
) -> tf.data.Dataset:
    """`count` full batches of a stream of images, in order or (faster when images differ in cost) as they come."""
    options = tf.data.Options()
    options.deterministic = ordered
    options.threading.private_threadpool_size = threads_of(knobs)
    # Images are worked on side by side; an operation that spread over threads as well would only be in the way.
    options.threading.max_intra_op_parallelism = 1
    # Without a bound of ours, large batches would pile up in memory.
    options.experimental_optimization.inject_prefetch = False
    # Replicas share a batch; they do not read different files.
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    batches = images.batch(batch_size, drop_remainder=True).apply(tf.data.experimental.assert_cardinality(count))
    return batches.prefetch(knobs.prefetch).with_options(options)


def threads_of(knobs: ReadKnobs) -> int:
    """How many images are decoded at once."""
    return knobs.threads or usable_cores()
