"""A device without enough memory is told in words and flags rather than in TensorFlow's dump of its allocator."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import tensorflow as tf

from fgtl.errors import FgtlError


@contextmanager
def memory_explained(step: Callable[[], int]) -> Iterator[None]:
    """Turn what TensorFlow raises inside when memory runs out into an FgtlError.

    Args:
        step: asked then; how many steps are done.
    """
    try:
        yield
    except tf.errors.ResourceExhaustedError as error:
        cause = str(error.message).split("\n")[0].strip()
        raise FgtlError(
            f"The memory ran out in step {step() + 1:,}: {cause[:200]}",
            fix="Lower --batch_size or --image_size; if it was in the validation, lower --eval_batch_size.",
        ) from error
