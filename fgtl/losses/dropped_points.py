"""The loss of dropped points: what is not kept shall say no class at all."""

from typing import Any

from keras import ops

from fgtl.errors import InputError, expect_rank
from fgtl.losses.row_means import weighted_mean


def dropped_point_loss(logits: Any, dropped: Any, weights: Any = None) -> Any:
    """Mean over the dropped points and all classes of (tanh(z) + 1)^2.

    L = 1/(B d K) * sum_b sum_{s dropped} sum_k (tanh z_bsk + 1)^2        (FGVC-PIM, the "drop" term)

    0 where every logit lies far below zero, 1 where all are 0, 4 where all lie far above it.

    Args:
        logits: (B, S, K) float, of all points; computed in float32.
        dropped: (B, S) bool, d >= 1 of each image.
        weights: (B,) float, what each image counts; None for 1 each.

    Returns:
        Scalar float32.

    Raises:
        InputError: the shapes do not fit.

    Cost: one pass over the logits; the dropped ones are masked rather than gathered, which would copy them, and scatter
    their gradients.
    """
    expect_rank(logits, 3, "logits", "(B, S, K)")
    if tuple(dropped.shape[1:]) != (logits.shape[1],):
        raise InputError(f"dropped has shape {tuple(dropped.shape)}.", expected=f"(B, {logits.shape[1]}).")
    square = ops.square(ops.tanh(ops.cast(logits, "float32")) + 1)
    mask = ops.cast(dropped, "float32")
    each = ops.sum(ops.mean(square, axis=-1) * mask, axis=1) / ops.sum(mask, axis=1)
    return weighted_mean(each, weights)
