"""The input pipeline: encoded records in, batches of float32 RGB images in 0..255 out.

    positions -> 32 payloads at a time, with their windows and looks (NumPy)
              -> one image at a time: decode the window, resize, mirror, colour (TensorFlow, `threads` at once)
              -> batches

Everything random is settled in the first stage, from (seed, epoch, id); the second is a function of its input. So what
an element holds does not depend on threads, batch size, or where the stream was started.
"""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from fgtl.data import example
from fgtl.data.augment import colour, draw_augmentation, mirror
from fgtl.data.crops import centre_windows
from fgtl.data.decode import ACCURATE, FAST, resize
from fgtl.data.draws import id_keys, image_keys
from fgtl.data.image_files.policy import inspect
from fgtl.data.image_stream import Arrays, Source, image_stream
from fgtl.data.knobs import InputKnobs, ReadKnobs, ViewKnobs
from fgtl.data.order import positions_of, rows_at
from fgtl.data.pool import usable_cores
from fgtl.data.record_reader import RecordReader, substitutes
from fgtl.data.records import Selection
from fgtl.errors import InputError

_LABEL, _LOOK, _WEIGHT = tf.TensorSpec((), tf.int32), tf.TensorSpec((3,), tf.float32), tf.TensorSpec((), tf.float32)


def training_batches(selection: Selection, knobs: InputKnobs, *, steps: range) -> tf.data.Dataset:
    """The batches of the given steps, shuffled and augmented.

    Element k is step `steps[k]`, whatever other steps are asked for: a run that is resumed asks for the rest of them.
    Reading starts at once at any step (see `fgtl.data.order`).

    With `--bad_records skip` another record, drawn by (seed, epoch, id), takes the place of one that cannot be read,
    with the augmentation of that place; all other places are as they would be.

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
    reader = RecordReader(selection, knobs, FAST)
    ids = id_keys(selection.ids)

    def drawn(first: int, last: int) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
        rows, epochs = rows_at(positions_of(steps, knobs.batch_size, first, last), knobs.seed, len(selection))
        return rows, image_keys(knobs.seed, epochs, ids[rows])

    def view(rows: NDArray[np.int64], keys: NDArray[np.uint64]) -> Arrays:
        augmentation = draw_augmentation(keys, selection.heights[rows], selection.widths[rows], knobs)
        return reader.payloads(rows), augmentation.windows, augmentation.looks, selection.labels[rows]

    def replace(place: int) -> Arrays:
        (row,), key = drawn(place, place + 1)
        rows = substitutes(int(row), key, len(selection))
        return next(reader.sound(rows, lambda row: view(np.array([row]), key)))

    def finish(pixels: tf.Tensor, look: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, ...]:
        image = _square(pixels, knobs)
        if knobs.flip:
            image = mirror(image, look[0] > 0)
        if knobs.colour == "fast":
            image = colour(image, look[1], look[2])
        return image, label

    count = len(steps) * knobs.batch_size
    source = Source(count, lambda *span: view(*drawn(*span)), (_LOOK, _LABEL), replace if reader.tolerant else None)
    return _batches(
        image_stream(source, finish, dct=FAST, threads=_threads(knobs)), knobs.batch_size, len(steps), knobs
    )


def evaluation_batches(selection: Selection, knobs: ViewKnobs) -> tf.data.Dataset:
    """Every image once, in the selection's order, as its centre crop.

    The last batch is filled up with copies of the last image, of weight 0: all batches have one shape, and no replica
    ever gets an empty one. With `--bad_records skip` one that cannot be read is a black image of weight 0 in its place.

    Args:
        selection: N >= 1 images.

    Returns:
        Dataset of ceil(N / B) elements (images (B, S, S, 3) float32 in 0..255, labels (B,) int32, weights (B,)
        float32: 1 real, 0 filling or bad), B = `knobs.eval_batch_size`.

    Raises:
        InputError: the selection is empty.
    """
    reader = RecordReader(selection, knobs, ACCURATE)

    def view(rows: NDArray[np.int64]) -> Arrays:
        windows = centre_windows(selection.heights[rows], selection.widths[rows], knobs.eval_crop)
        return reader.payloads(rows), windows, selection.labels[rows]

    def prepare(first: int, last: int) -> Arrays:
        rows, weights = _rows_and_weights(first, last, len(selection))
        return *view(rows), weights

    def replace(place: int) -> Arrays:
        row = min(place, len(selection) - 1)
        # It is not sound; this names it.
        next(reader.sound([row], lambda row: view(np.array([row]))), None)
        return np.zeros((1, 1, 3), np.uint8), selection.labels[row], np.zeros((), np.float32)

    def finish(pixels: tf.Tensor, label: tf.Tensor, weight: tf.Tensor) -> tuple[tf.Tensor, ...]:
        return _square(pixels, knobs), label, weight

    batches = -(-len(selection) // knobs.eval_batch_size)
    count = batches * knobs.eval_batch_size
    source = Source(count, prepare, (_LABEL, _WEIGHT), replace if reader.tolerant else None)
    images = image_stream(source, finish, dct=ACCURATE, threads=_threads(knobs))
    return _batches(images, knobs.eval_batch_size, batches, knobs)


def loose_batches(files: Sequence[bytes], knobs: ViewKnobs) -> tf.data.Dataset:
    """Images outside a record set, in order, seen exactly as `evaluation_batches` sees them.

    Args:
        files: N >= 1 encoded images as `fgtl.data.image_files.policy.store` leaves them (upright JPEG or PNG).

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

    def finish(pixels: tf.Tensor, weight: tf.Tensor) -> tuple[tf.Tensor, ...]:
        return _square(pixels, knobs), weight

    batches = -(-len(files) // knobs.eval_batch_size)
    source = Source(batches * knobs.eval_batch_size, prepare, (_WEIGHT,))
    images = image_stream(source, finish, dct=ACCURATE, threads=_threads(knobs))
    return _batches(images, knobs.eval_batch_size, batches, knobs)


def _square(pixels: tf.Tensor, knobs: ViewKnobs) -> tf.Tensor:
    return resize(pixels, knobs.image_size, legacy=knobs.legacy_resize)


def _rows_and_weights(first: int, last: int, count: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    positions = np.arange(first, last)
    return np.minimum(positions, count - 1), (positions < count).astype(np.float32)


def _batches(images: tf.data.Dataset, batch_size: int, count: int, knobs: ReadKnobs) -> tf.data.Dataset:
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
