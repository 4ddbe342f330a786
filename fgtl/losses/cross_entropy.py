"""Softmax cross-entropy with smoothed labels."""

from typing import Any

from keras import ops

from fgtl.errors import InputError, expect_rank


def smoothed_cross_entropy(logits: Any, labels: Any, smoothing: float = 0.0, weights: Any = None) -> Any:
    """Mean cross-entropy between softmax(logits) and labels y' = y (1 - e) + e / K.

    L = -(1 - e) log p_y - e/K sum_k log p_k        (Szegedy et al. 2016, section 7)

    Args:
        logits: (B, K) float, any scale; computed in float32.
        labels: (B,) int, class index of each row.
        smoothing: e, in [0, 1).
        weights: (B,) float, what each row counts; None for 1 each. A batch of zero weights has loss 0.

    Returns:
        Scalar float32: the weighted mean over the batch.

    Raises:
        InputError: if `logits` is not (B, K), `labels` is not (B,), or `smoothing` is out of range.
    """
    expect_rank(logits, 2, "logits", "(B, K)")
    expect_rank(labels, 1, "labels", "(B,), class indices, not one-hot rows")
    if not 0 <= smoothing < 1:
        raise InputError(f"smoothing={smoothing} is out of range.", expected="0 <= smoothing < 1.")
    log_p = ops.log_softmax(ops.cast(logits, "float32"), axis=-1)
    own = ops.take_along_axis(log_p, ops.cast(labels, "int32")[:, None], axis=-1)[:, 0]
    losses = -(1 - smoothing) * own - smoothing * ops.mean(log_p, axis=-1)
    if weights is None:
        return ops.mean(losses)
    weights = ops.cast(weights, "float32")
    # divide_no_nan: the last batch of a replica may be padding only.
    return ops.divide_no_nan(ops.sum(weights * losses), ops.sum(weights))
