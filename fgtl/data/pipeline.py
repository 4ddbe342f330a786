"""Training input: encoded records in, batches of float32 RGB images in 0..255 out.

    positions -> 32 payloads at a time, with their windows and looks (NumPy)
              -> one image at a time: decode the window, resize, mirror, colour (TensorFlow, `threads` at once)
              -> batches

Everything random is settled in the first stage, from (seed, epoch, id); the second is a function of its input. So what
an element holds does not depend on threads, batch size, or where the stream was started.
"""

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from fgtl.data.augment import colour, draw_augmentation, mirror
from fgtl.data.batching import batched, square, threads_of
from fgtl.data.decode import FAST
from fgtl.data.draws import id_keys, image_keys
from fgtl.data.image_stream import Arrays, Source, image_stream
from fgtl.data.knobs import InputKnobs
from fgtl.data.order import positions_of, rows_at
from fgtl.data.record_reader import RecordReader, substitutes
from fgtl.data.records import Selection
from fgtl.errors import InputError

_LABEL, _LOOK = tf.TensorSpec((), tf.int32), tf.TensorSpec((3,), tf.float32)


def training_batches(
    selection: Selection, knobs: InputKnobs, *, steps: range, part: tuple[int, int] = (0, 1)
) -> tf.data.Dataset:
    """The batches of the given steps, shuffled and augmented.

    Element k is step `steps[k]`, whatever other steps are asked for: a run that is resumed asks for the rest of them.
    Reading starts at once at any step (see `fgtl.data.order`).

    With `--bad_records skip` another record, drawn by (seed, epoch, id), takes the place of one that cannot be read,
    with the augmentation of that place; all other places are as they would be.

    Args:
        selection: N >= 1 images; fewer than a batch will do.
        steps: of the run, counted from 0.
        part: (i, n): only the i-th of n equal parts of each batch, for the i-th of n worker processes.

    Returns:
        Dataset of (images (B, S, S, 3) float32 in 0..255, labels (B,) int32), B = `knobs.batch_size` / n, always full.

    Raises:
        InputError: the selection is empty, or a step is negative.
    """
    if len(steps) and min(steps[0], steps[-1]) < 0:
        raise InputError(f"steps is {steps}.", expected="steps counted from 0.")
    reader = RecordReader(selection, knobs, FAST)
    ids = id_keys(selection.ids)

    def drawn(first: int, last: int) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
        rows, epochs = rows_at(positions_of(steps, knobs.batch_size, first, last, part), knobs.seed, len(selection))
        return rows, image_keys(knobs.seed, epochs, ids[rows])

    def view(rows: NDArray[np.int64], keys: NDArray[np.uint64]) -> Arrays:
        augmentation = draw_augmentation(keys, selection.heights[rows], selection.widths[rows], knobs)
        return reader.payloads(rows), augmentation.windows, augmentation.looks, selection.labels[rows]

    def replace(place: int) -> Arrays:
        (row,), key = drawn(place, place + 1)
        rows = substitutes(int(row), key, len(selection))
        return next(reader.sound(rows, lambda row: view(np.array([row]), key)))

    def finish(pixels: tf.Tensor, look: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, ...]:
        image = square(pixels, knobs)
        if knobs.flip:
            image = mirror(image, look[0] > 0)
        if knobs.colour == "fast":
            image = colour(image, look[1], look[2])
        return image, label

    size = knobs.batch_size // part[1]
    count = len(steps) * size
    source = Source(count, lambda *span: view(*drawn(*span)), (_LOOK, _LABEL), replace if reader.tolerant else None)
    images = image_stream(source, finish, dct=FAST, threads=threads_of(knobs))
    return batched(images, size, len(steps), knobs)
