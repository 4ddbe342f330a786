"""Accumulation: a device works through its part of a batch in slices, and holds the activations of one at a time."""

from collections.abc import Callable

import tensorflow as tf

# A (part of a) batch -> the gradients of its mean loss, its figures (T,).
Gradients = Callable[..., tuple[list[tf.Tensor], tf.Tensor]]


def accumulated(
    gradients_of: Gradients, slices: int, batch: tuple[tf.Tensor, ...]
) -> tuple[list[tf.Tensor], tf.Tensor]:
    """Means over `slices` consecutive parts of a batch, one after the other.

    Equal to the whole batch where rows do not see each other: batch normalisation that takes the batch's own
    statistics takes those of a slice.

    Args:
        gradients_of: called with one slice, in two places; a tf.function is traced once.
        batch: (B, ...) each, B a multiple of `slices`.

    Memory: the gradients twice, and what `gradients_of` needs for B / slices rows.
    """
    cut = [tf.reshape(rows, [slices, -1, *rows.shape[1:]]) for rows in batch]
    # The first outside the loop, which needs something of the right shapes to begin with.
    gradients, figures = gradients_of(*(rows[0] for rows in cut))

    def add(place: tf.Tensor, sums: list[tf.Tensor]) -> tuple[tf.Tensor, list[tf.Tensor]]:
        more, more_figures = gradients_of(*(rows[place] for rows in cut))
        return place + 1, [total + new for total, new in zip(sums, [*more, more_figures], strict=True)]

    _, sums = tf.while_loop(
        lambda place, _: place < slices, add, (tf.constant(1), [*gradients, figures]), parallel_iterations=1
    )
    *gradients, figures = (total / slices for total in sums)
    return gradients, figures
