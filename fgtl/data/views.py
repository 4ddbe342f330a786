"""What a model sees in evaluation: every image once, in order, as its centre crop or another view of it.

Records come from a record set (`evaluation_batches`), loose files from anywhere (`loose_batches`); both are seen alike.
"""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from fgtl.data import example
from fgtl.data.batching import PLACE, batched, square, threads_of
from fgtl.data.decode import ACCURATE
from fgtl.data.framing import view_frames
from fgtl.data.image_files.policy import inspect
from fgtl.data.image_stream import Arrays, Source, image_stream
from fgtl.data.knobs import ViewKnobs
from fgtl.data.many_views import CENTRE, View
from fgtl.data.record_reader import RecordReader
from fgtl.data.records import Selection
from fgtl.errors import InputError

_LABEL, _WEIGHT = tf.TensorSpec((), tf.int32), tf.TensorSpec((), tf.float32)
# Of an image of one pixel, black, in the stead of a bad one.
_NOWHERE = np.array([1, 1, 0, 0], np.float32)


def evaluation_batches(selection: Selection, knobs: ViewKnobs, look: View = CENTRE) -> tf.data.Dataset:
    """Every image once, in the selection's order.

    The last batch is filled up with copies of the last image, of weight 0: all batches have one shape, and no replica
    ever gets an empty one. With `--bad_records skip` one that cannot be read is a black image of weight 0 in its place.

    Args:
        selection: N >= 1 images.
        look: which window of each image; by default the centre crop.

    Returns:
        Dataset of ceil(N / B) elements (images (B, S, S, 3) float32 in 0..255, labels (B,) int32, weights (B,)
        float32: 1 real, 0 filling or bad), B = `knobs.eval_batch_size`.

    Raises:
        InputError: the selection is empty.
        UsageError: --resize is too small.
    """
    knobs.check_resize()
    reader = RecordReader(selection, knobs, ACCURATE)

    def view(rows: NDArray[np.int64]) -> Arrays:
        frames = view_frames(selection.heights[rows], selection.widths[rows], knobs, look)
        return reader.payloads(rows), frames.windows, frames.places, selection.labels[rows]

    def prepare(first: int, last: int) -> Arrays:
        rows, weights = _rows_and_weights(first, last, len(selection))
        return *view(rows), weights

    def replace(place: int) -> Arrays:
        row = min(place, len(selection) - 1)
        # It is not sound; this names it.
        next(reader.sound([row], lambda row: view(np.array([row]))), None)
        return np.zeros((1, 1, 3), np.uint8), _NOWHERE, selection.labels[row], np.zeros((), np.float32)

    def finish(pixels: tf.Tensor, where: tf.Tensor, label: tf.Tensor, weight: tf.Tensor) -> tuple[tf.Tensor, ...]:
        return _seen(pixels, where, knobs, look), label, weight

    batches = -(-len(selection) // knobs.eval_batch_size)
    count = batches * knobs.eval_batch_size
    source = Source(count, prepare, (PLACE, _LABEL, _WEIGHT), replace if reader.tolerant else None)
    images = image_stream(source, finish, dct=ACCURATE, threads=threads_of(knobs))
    return batched(images, knobs.eval_batch_size, batches, knobs)


def loose_batches(files: Sequence[bytes], knobs: ViewKnobs, look: View = CENTRE) -> tf.data.Dataset:
    """Images outside a record set, in order, seen exactly as `evaluation_batches` sees them.

    Args:
        files: N >= 1 encoded images as `fgtl.data.image_files.policy.store` leaves them (upright JPEG or PNG).
        look: which window of each image; by default the centre crop.

    Returns:
        Dataset of ceil(N / B) elements (images (B, S, S, 3) float32 in 0..255, weights (B,) float32: 1 real, 0
        filling), B = `knobs.eval_batch_size`.

    Raises:
        InputError: there are no files.
        BadImage: one is neither JPEG nor PNG, or cut short.
        UsageError: --resize is too small.
    """
    knobs.check_resize()
    if not files:
        raise InputError("There are no images to look at.", expected="at least one.")
    facts = [inspect(data) for data in files]
    heights, widths = np.array([(fact.height, fact.width) for fact in facts], np.int32).T
    frames = view_frames(heights, widths, knobs, look)

    def prepare(first: int, last: int) -> Arrays:
        rows, weights = _rows_and_weights(first, last, len(files))
        # As records: then the rest of the way is the same, and so are the pixels.
        payloads = [
            example.encode_example({example.IMAGE: [files[row]], example.FORMAT: [facts[row].format.encode()]})
            for row in rows
        ]
        return np.array(payloads, object), frames.windows[rows], frames.places[rows], weights

    def finish(pixels: tf.Tensor, where: tf.Tensor, weight: tf.Tensor) -> tuple[tf.Tensor, ...]:
        return _seen(pixels, where, knobs, look), weight

    batches = -(-len(files) // knobs.eval_batch_size)
    source = Source(batches * knobs.eval_batch_size, prepare, (PLACE, _WEIGHT))
    images = image_stream(source, finish, dct=ACCURATE, threads=threads_of(knobs))
    return batched(images, knobs.eval_batch_size, batches, knobs)


def _seen(pixels: tf.Tensor, where: tf.Tensor, knobs: ViewKnobs, look: View) -> tf.Tensor:
    """(S, S, 3) float32 from the pixels of a window."""
    image = square(pixels, where, knobs)
    return tf.reverse(image, [1]) if look.mirrored else image


def _rows_and_weights(first: int, last: int, count: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    positions = np.arange(first, last)
    return np.minimum(positions, count - 1), (positions < count).astype(np.float32)
