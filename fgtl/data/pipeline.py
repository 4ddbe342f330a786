"""Training input: encoded records in, batches of float32 RGB images in 0..255 out.

    positions -> 32 payloads at a time, with their windows and looks (NumPy)
              -> one image at a time: decode the window, resize, change (TensorFlow, `threads` at once)
              -> batches

Everything random is settled in the first stage, from (seed, epoch, id); the second is a function of its input. So what
an element holds does not depend on threads, batch size, or where the stream was started.
"""

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from fgtl.data.augment import draw_augmentation
from fgtl.data.batching import PLACE, batched, square, threads_of
from fgtl.data.changes import changes_of, look_spec, looked
from fgtl.data.decode import FAST
from fgtl.data.draws import id_keys, image_keys, occurrence_keys
from fgtl.data.image_stream import Arrays, Source, image_stream
from fgtl.data.knobs import InputKnobs
from fgtl.data.mixing import draw_mixes, expect_pairs
from fgtl.data.order import positions_of
from fgtl.data.record_reader import RecordReader, substitutes
from fgtl.data.records import Selection
from fgtl.data.sampling import training_stream
from fgtl.errors import InputError

_LABEL, _MIX = tf.TensorSpec((), tf.int32), tf.TensorSpec((5,), tf.float32)


def training_batches(
    selection: Selection, knobs: InputKnobs, *, steps: range, part: tuple[int, int] = (0, 1)
) -> tf.data.Dataset:
    """The batches of the given steps, shuffled (or sampled, see `fgtl.data.sampling`) and augmented.

    Element k is step `steps[k]`, whatever other steps are asked for: a run that is resumed asks for the rest of them.
    Reading starts at once at any step (see `fgtl.data.order`). With `--determinism fast` images that take longer may
    come some places later, so elements differ from run to run.

    With `--bad_records skip` another record, drawn by (seed, epoch, id), takes the place of one that cannot be read,
    with the augmentation of that place; all other places are as they would be.

    Args:
        selection: N >= 1 images; fewer than a batch will do.
        steps: of the run, counted from 0.
        part: (i, n): only the i-th of n equal parts of each batch, for the i-th of n worker processes.

    Returns:
        Dataset of (images (B, S, S, 3) float32 in 0..255, labels (B,) int32), B = `knobs.batch_size` / n, always full.
        With MixUp or CutMix (images, labels, mixes (B, 5) float32), not yet mixed (see `fgtl.data.mixing`).

    Raises:
        InputError: the selection is empty, or a step is negative.
        UsageError: images are to be mixed in pairs, and the batch's part has an odd number; --resize is too small.
    """
    knobs.check_resize()
    if len(steps) and min(steps[0], steps[-1]) < 0:
        raise InputError(f"steps is {steps}.", expected="steps counted from 0.")
    if knobs.mixes:
        expect_pairs(knobs.batch_size, part[1])
    reader = RecordReader(selection, knobs, FAST)
    ids, changes = id_keys(selection.ids), changes_of(knobs)
    stream = training_stream(selection.labels, knobs, knobs.seed)

    def drawn(first: int, last: int) -> tuple[NDArray[np.int64], NDArray[np.uint64], Arrays]:
        positions = positions_of(steps, knobs.batch_size, first, last, part)
        rows, epochs, occurrences = stream(positions)
        mixes = (draw_mixes(positions, knobs.seed, knobs.image_size, knobs),) if knobs.mixes else ()
        return rows, occurrence_keys(image_keys(knobs.seed, epochs, ids[rows]), occurrences), mixes

    def view(rows: NDArray[np.int64], keys: NDArray[np.uint64], mixes: Arrays) -> Arrays:
        augmentation = draw_augmentation(keys, selection.heights[rows], selection.widths[rows], knobs)
        changed = [change.draw(keys) for change in changes]
        frames = augmentation.windows, augmentation.places
        return reader.payloads(rows), *frames, augmentation.looks, *changed, selection.labels[rows], *mixes

    def replace(place: int) -> Arrays:
        (row,), key, mixes = drawn(place, place + 1)
        rows = substitutes(int(row), key, len(selection))
        return next(reader.sound(rows, lambda row: view(np.array([row]), key, mixes)))

    def finish(pixels: tf.Tensor, where: tf.Tensor, look: tf.Tensor, *rest: tf.Tensor) -> tuple[tf.Tensor, ...]:
        image = looked(square(pixels, where, knobs), look, knobs)
        for change, its_draw in zip(changes, rest, strict=False):
            image = change.apply(image, its_draw)
        return image, *rest[len(changes) :]

    size, ordered = knobs.batch_size // part[1], knobs.determinism != "fast"
    specs = (PLACE, look_spec(knobs), *(change.spec for change in changes), _LABEL, *([_MIX] if knobs.mixes else []))
    source = Source(len(steps) * size, lambda *span: view(*drawn(*span)), specs, replace if reader.tolerant else None)
    images = image_stream(source, finish, dct=FAST, threads=threads_of(knobs), ordered=ordered)
    return batched(images, size, len(steps), knobs, ordered=ordered)
