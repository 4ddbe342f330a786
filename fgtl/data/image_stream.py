"""From chunks of encoded records to a stream of decoded images, in order; with a way past those that cannot be decoded.

place 0, 1, 2, ... -> 32 of them at a time: payload, window and whatever else (NumPy)
                   -> one at a time: decode the window, then `finish` (TensorFlow, `threads` at once)
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from fgtl.data import example
from fgtl.data.decode import decode_window

# Images that one call into Python prepares: enough that the call costs nothing beside decoding.
CHUNK = 32

Arrays = tuple[NDArray[Any], ...]

_FEATURES = {key: tf.io.FixedLenFeature((), tf.string) for key in (example.IMAGE, example.FORMAT)}
_PAYLOAD_AND_WINDOW = (tf.TensorSpec((), tf.string), tf.TensorSpec((4,), tf.int32))
_PIXELS = tf.TensorSpec((None, None, 3), tf.uint8)


@dataclass(frozen=True)
class Source:
    """`count` encoded images with their windows, to be had in any order.

    Attributes:
        count: N, how many places there are.
        prepare: (first, last) -> payloads (n,) object, windows (n, 4) int32, and `rest`, of the places in between.
        rest: what else each image has, and goes to `finish`: specs of one image.
        replace: called for a place whose image cannot be decoded -> (H, W, 3) uint8 pixels and `rest` to use in its
            stead. A function of its place, or the stream would differ from run to run. None: such an image is an error.
    """

    count: int
    prepare: Callable[[int, int], Arrays]
    rest: tuple[tf.TensorSpec, ...]
    replace: Callable[[int], Arrays] | None = None


def decode(payload: tf.Tensor, window: tf.Tensor, dct: str) -> tf.Tensor:
    """(h, w, 3) uint8 pixels of a window (4,) of a record, () string."""
    record = tf.io.parse_single_example(payload, _FEATURES)
    return decode_window(record[example.IMAGE], record[example.FORMAT], window, dct=dct)


def image_stream(
    source: Source, finish: Callable[..., tuple[tf.Tensor, ...]], *, dct: str, threads: int, ordered: bool = True
) -> tf.data.Dataset:
    """`finish(pixels, *rest)` of each place, in order; unless `ordered`, one that is late lets others pass.

    Cost of `replace` where nothing has to be replaced: some 0.2 ms of one core an image.
    """

    def prepared(chunk: NDArray[np.int64]) -> Arrays:
        return source.prepare(int(chunk) * CHUNK, min((int(chunk) + 1) * CHUNK, source.count))

    signature = (*_PAYLOAD_AND_WINDOW, *source.rest)
    chunks = tf.data.Dataset.range(-(-source.count // CHUNK)).map(lambda chunk: _called(prepared, chunk, signature, 1))
    encoded = chunks.prefetch(2).unbatch()
    if source.replace is not None:
        return _replacing(encoded, source.rest, source.replace, finish, dct=dct, threads=threads, ordered=ordered)

    def decoded(payload: tf.Tensor, window: tf.Tensor, *rest: tf.Tensor) -> tuple[tf.Tensor, ...]:
        return finish(decode(payload, window, dct), *rest)

    return encoded.map(decoded, num_parallel_calls=threads, deterministic=ordered)


def _replacing(
    encoded: tf.data.Dataset,
    rest: tuple[tf.TensorSpec, ...],
    replace: Callable[[int], Arrays],
    finish: Callable[..., tuple[tf.Tensor, ...]],
    *,
    dct: str,
    threads: int,
    ordered: bool,
) -> tf.data.Dataset:
    """The same stream, with a detour for what cannot be decoded.

    A graph cannot catch an error; a data set of one element can drop it. So each image is decoded in a data set of
    its own, followed by a mark of failure, and the first element that comes out is taken.
    """

    def tried(place: tf.Tensor, element: tuple[tf.Tensor, ...]) -> tf.data.Dataset:
        payload, window, *others = element
        whole = tf.data.Dataset.from_tensors((payload, window)).map(lambda p, w: (decode(p, w, dct), True))
        failed = tf.data.Dataset.from_tensors((tf.zeros((1, 1, 3), tf.uint8), False))
        first = whole.ignore_errors().concatenate(failed).take(1)
        return first.map(lambda pixels, sound: (place, sound, pixels, *others))

    def mended(place: tf.Tensor, sound: tf.Tensor, *image: tf.Tensor) -> tuple[tf.Tensor, ...]:
        signature = (_PIXELS, *rest)
        return finish(*tf.cond(sound, lambda: image, lambda: _called(lambda at: replace(int(at)), place, signature, 0)))

    # One element comes out of each inner data set, so that cycling through them keeps the order.
    images = encoded.enumerate().interleave(
        tried, cycle_length=threads, block_length=1, num_parallel_calls=threads, deterministic=ordered
    )
    return images.map(mended, num_parallel_calls=threads, deterministic=ordered)


def _called(
    function: Callable[[Any], Arrays], argument: tf.Tensor, signature: tuple[tf.TensorSpec, ...], batch_rank: int
) -> tuple[tf.Tensor, ...]:
    """A Python function's arrays as tensors: of one image, or with `batch_rank` 1 of several."""
    arrays = tf.numpy_function(function, [argument], [spec.dtype for spec in signature])
    shapes = [(*(None,) * batch_rank, *spec.shape) for spec in signature]
    return tuple(tf.ensure_shape(array, shape) for array, shape in zip(arrays, shapes, strict=True))
