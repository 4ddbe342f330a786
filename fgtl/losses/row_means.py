"""The mean over a batch whose rows may count differently."""

from typing import Any

from keras import ops


def weighted_mean(values: Any, weights: Any = None) -> Any:
    """sum_b w_b v_b / sum_b w_b; 0 for a batch of zero weights.

    Args:
        values: (B,) float.
        weights: (B,) float; None for 1 each.

    Returns:
        Scalar of the values' type.
    """
    if weights is None:
        return ops.mean(values)
    weights = ops.cast(weights, values.dtype)
    # divide_no_nan: the last batch of a replica may be padding only.
    return ops.divide_no_nan(ops.sum(weights * values), ops.sum(weights))
