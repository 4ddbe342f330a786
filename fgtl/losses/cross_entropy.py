"""Softmax cross-entropy with smoothed labels."""

from typing import Any

from keras import ops

from fgtl.errors import InputError, expect_rank
from fgtl.losses.row_means import weighted_mean


def smoothed_cross_entropy(logits: Any, labels: Any, smoothing: float = 0.0, weights: Any = None) -> Any:
    """Mean cross-entropy between softmax(logits) and labels y' = y (1 - e) + e / K.

    L = -(1 - e) sum_k y_k log p_k - e/K sum_k log p_k        (Szegedy et al. 2016, section 7)

    where y is the row's distribution over the classes: all of it on one class for a class index.

    Args:
        logits: (B, K) float, any scale; computed in float32.
        labels: (B,) int, class index of each row; or (B, K) float32, its distribution, as mixed images have.
        smoothing: e, in [0, 1).
        weights: (B,) float, what each row counts; None for 1 each. A batch of zero weights has loss 0.

    Returns:
        Scalar float32: the weighted mean over the batch.

    Raises:
        InputError: if `logits` is not (B, K), `labels` is neither (B,) nor (B, K), or `smoothing` is out of range.
    """
    expect_rank(logits, 2, "logits", "(B, K)")
    if len(labels.shape) != 1 and tuple(labels.shape[1:]) != tuple(logits.shape[1:]):
        raise InputError(
            f"labels has shape {tuple(labels.shape)}.",
            expected=f"(B,), class indices, or (B, {logits.shape[1]}), a distribution over the classes of each row.",
        )
    if not 0 <= smoothing < 1:
        raise InputError(f"smoothing={smoothing} is out of range.", expected="0 <= smoothing < 1.")
    log_p = ops.log_softmax(ops.cast(logits, "float32"), axis=-1)
    if len(labels.shape) == 1:
        own = ops.take_along_axis(log_p, ops.cast(labels, "int32")[:, None], axis=-1)[:, 0]
    else:
        own = ops.sum(ops.cast(labels, "float32") * log_p, axis=-1)
    losses = -(1 - smoothing) * own - smoothing * ops.mean(log_p, axis=-1)
    return weighted_mean(losses, weights)
