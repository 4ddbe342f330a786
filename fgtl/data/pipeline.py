"""The input pipeline: encoded records in, batches of float32 RGB images in 0..255 out.

    positions -> 32 payloads at a time, with their windows and looks (NumPy)
              -> one image at a time: decode the window, resize, mirror, colour (TensorFlow, `threads` at once)
              -> batches

Everything random is settled in the first stage, from (seed, epoch, id); the second is a function of its input. So what
an element holds does not depend on threads, batch size, or where the stream was started.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from fgtl.data import example
from fgtl.data.augment import colour, draw_augmentation, mirror
from fgtl.data.crops import centre_windows
from fgtl.data.decode import ACCURATE, FAST, decode_window, resize
from fgtl.data.draws import id_keys, image_keys
from fgtl.data.images import inspect
from fgtl.data.knobs import InputKnobs, ReadKnobs, ViewKnobs
from fgtl.data.order import positions_of, rows_at
from fgtl.data.pool import usable_cores
from fgtl.data.records import Selection
from fgtl.errors import InputError

# Images that one call into Python prepares: enough that the call costs nothing beside decoding.
CHUNK = 32

Arrays = tuple[NDArray[Any], ...]


def training_batches(selection: Selection, knobs: InputKnobs, *, steps: range) -> tf.data.Dataset:
    """The batches of the given steps, shuffled and augmented.

    Element k is step `steps[k]`, whatever other steps are asked for: a run that is resumed asks for the rest of them.
    Reading starts at once at any step (see `fgtl.data.order`).

    Args:
        selection: N >= 1 images; fewer than a batch will do.
        steps: of the run, counted from 0.

    Returns:
        Dataset of (images (B, S, S, 3) float32 in 0..255, labels (B,) int32), B = `knobs.batch_size`, always full.

    Raises:
        InputError: the selection is empty, or a step is negative.
    """
    if len(steps) and min(steps[0], steps[-1]) < 0:
        raise InputError(f"steps is {steps}.", expected="steps counted from 0.")
    read = _reader(selection, knobs)
    ids = id_keys(selection.ids)

    def prepare(first: int, last: int) -> Arrays:
        rows, epochs = rows_at(positions_of(steps, knobs.batch_size, first, last), knobs.seed, len(selection))
        keys = image_keys(knobs.seed, epochs, ids[rows])
        drawn = draw_augmentation(keys, selection.heights[rows], selection.widths[rows], knobs)
        return read(rows), drawn.windows, drawn.looks, selection.labels[rows]

    def finish(payload: tf.Tensor, window: tf.Tensor, look: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, ...]:
        image = _square(payload, window, knobs, FAST)
        if knobs.flip:
            image = mirror(image, look[0] > 0)
        if knobs.colour == "fast":
            image = colour(image, look[1], look[2])
        return image, label

    signature = (*_PAYLOAD_AND_WINDOW, tf.TensorSpec((3,), tf.float32), tf.TensorSpec((), tf.int32))
    images = _images(len(steps) * knobs.batch_size, prepare, signature, finish, _threads(knobs))
    return _batches(images, len(steps), knobs.batch_size, knobs)


def evaluation_batches(selection: Selection, knobs: ViewKnobs) -> tf.data.Dataset:
    """Every image once, in the selection's order, as its centre crop.

    The last batch is filled up with copies of the last image, of weight 0: all batches have one shape, and no replica
    ever gets an empty one.

    Args:
        selection: N >= 1 images.

    Returns:
        Dataset of ceil(N / B) elements (images (B, S, S, 3) float32 in 0..255, labels (B,) int32, weights (B,)
        float32: 1 real, 0 filling), B = `knobs.eval_batch_size`.

    Raises:
        InputError: the selection is empty.
    """
    read = _reader(selection, knobs)

    def prepare(first: int, last: int) -> Arrays:
        rows, weights = _rows_and_weights(first, last, len(selection))
        windows = centre_windows(selection.heights[rows], selection.widths[rows], knobs.eval_crop)
        return read(rows), windows, selection.labels[rows], weights

    def finish(payload: tf.Tensor, window: tf.Tensor, label: tf.Tensor, weight: tf.Tensor) -> tuple[tf.Tensor, ...]:
        return _square(payload, window, knobs, ACCURATE), label, weight

    signature = (*_PAYLOAD_AND_WINDOW, tf.TensorSpec((), tf.int32), tf.TensorSpec((), tf.float32))
    batches = -(-len(selection) // knobs.eval_batch_size)
    images = _images(batches * knobs.eval_batch_size, prepare, signature, finish, _threads(knobs))
    return _batches(images, batches, knobs.eval_batch_size, knobs)


def loose_batches(files: Sequence[bytes], knobs: ViewKnobs) -> tf.data.Dataset:
    """Images outside a record set, in order, seen exactly as `evaluation_batches` sees them.

    Args:
        files: N >= 1 encoded images as `fgtl.data.images.store` leaves them (upright JPEG or PNG).

    Returns:
        Dataset of ceil(N / B) elements (images (B, S, S, 3) float32 in 0..255, weights (B,) float32: 1 real, 0
        filling), B = `knobs.eval_batch_size`.

    Raises:
        InputError: there are no files.
        BadImage: one is neither JPEG nor PNG, or cut short.
    """
    if not files:
        raise InputError("There are no images to look at.", expected="at least one.")
    facts = [inspect(data) for data in files]
    windows = centre_windows(
        np.array([fact.height for fact in facts], np.int32),
        np.array([fact.width for fact in facts], np.int32),
        knobs.eval_crop,
    )

    def prepare(first: int, last: int) -> Arrays:
        rows, weights = _rows_and_weights(first, last, len(files))
        # As records: then the rest of the way is the same, and so are the pixels.
        payloads = [
            example.encode_example({example.IMAGE: [files[row]], example.FORMAT: [facts[row].format.encode()]})
            for row in rows
        ]
        return np.array(payloads, object), windows[rows], weights

    def finish(payload: tf.Tensor, window: tf.Tensor, weight: tf.Tensor) -> tuple[tf.Tensor, ...]:
        return _square(payload, window, knobs, ACCURATE), weight

    signature = (*_PAYLOAD_AND_WINDOW, tf.TensorSpec((), tf.float32))
    batches = -(-len(files) // knobs.eval_batch_size)
    images = _images(batches * knobs.eval_batch_size, prepare, signature, finish, _threads(knobs))
    return _batches(images, batches, knobs.eval_batch_size, knobs)


_PAYLOAD_AND_WINDOW = (tf.TensorSpec((), tf.string), tf.TensorSpec((4,), tf.int32))
_FEATURES = {key: tf.io.FixedLenFeature((), tf.string) for key in (example.IMAGE, example.FORMAT)}


def _square(payload: tf.Tensor, window: tf.Tensor, knobs: ViewKnobs, dct: str) -> tf.Tensor:
    record = tf.io.parse_single_example(payload, _FEATURES)
    image = decode_window(record[example.IMAGE], record[example.FORMAT], window, dct=dct)
    return resize(image, knobs.image_size, legacy=knobs.legacy_resize)


def _reader(selection: Selection, knobs: ReadKnobs) -> Callable[[NDArray[np.int64]], NDArray[Any]]:
    """rows (n,) -> payloads (n,) object; with `--cache ram` each record is read from disk once."""
    if not len(selection):
        raise InputError("The selection holds no images.", expected="at least one.")
    payload = functools.cache(selection.payload) if knobs.cache == "ram" else selection.payload
    return lambda rows: np.array([payload(row) for row in rows.tolist()], object)


def _rows_and_weights(first: int, last: int, count: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    positions = np.arange(first, last)
    return np.minimum(positions, count - 1), (positions < count).astype(np.float32)


def _images(
    count: int,
    prepare: Callable[[int, int], Arrays],
    signature: tuple[tf.TensorSpec, ...],
    finish: Callable[..., tuple[tf.Tensor, ...]],
    threads: int,
) -> tf.data.Dataset:
    """`finish` of each of `count` images, in order; `prepare(first, last)` gives the arrays of some in a row."""

    def prepared(chunk: NDArray[np.int64]) -> Arrays:
        return prepare(int(chunk) * CHUNK, min((int(chunk) + 1) * CHUNK, count))

    def load(chunk: tf.Tensor) -> tuple[tf.Tensor, ...]:
        arrays = tf.numpy_function(prepared, [chunk], [spec.dtype for spec in signature])
        return tuple(tf.ensure_shape(array, (None, *spec.shape)) for array, spec in zip(arrays, signature, strict=True))

    chunks = tf.data.Dataset.range(-(-count // CHUNK)).map(load).prefetch(2)
    return chunks.unbatch().map(finish, num_parallel_calls=threads, deterministic=True)


def _batches(images: tf.data.Dataset, count: int, batch_size: int, knobs: ReadKnobs) -> tf.data.Dataset:
    options = tf.data.Options()
    options.deterministic = True
    options.threading.private_threadpool_size = _threads(knobs)
    # Images are worked on side by side; an operation that spread over threads as well would only be in the way.
    options.threading.max_intra_op_parallelism = 1
    # Without a bound of ours, large batches would pile up in memory.
    options.experimental_optimization.inject_prefetch = False
    # Replicas share a batch; they do not read different files.
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    batches = images.batch(batch_size, drop_remainder=True).apply(tf.data.experimental.assert_cardinality(count))
    return batches.prefetch(knobs.prefetch).with_options(options)


def _threads(knobs: ReadKnobs) -> int:
    return knobs.threads or usable_cores()
