"""The loss of kept points: each of them shall say its image's class."""

from typing import Any

from keras import ops

from fgtl.errors import expect_rank
from fgtl.losses.cross_entropy import smoothed_cross_entropy


def selected_point_loss(logits: Any, labels: Any, smoothing: float = 0.0, weights: Any = None) -> Any:
    """Mean cross-entropy of all kept points, each with the label of its image.

    L = -1/(B s) * sum_b sum_s log softmax(z_bs)[y_b]        (FGVC-PIM, the "select" term)

    Args:
        logits: (B, s, K) float.
        labels: (B,) int, or (B, K) float distributions over the classes.
        smoothing: e of `smoothed_cross_entropy`.
        weights: (B,) float, what each image counts; None for 1 each.

    Returns:
        Scalar float32.

    Raises:
        InputError: the shapes do not fit.
    """
    expect_rank(logits, 3, "logits", "(B, s, K)")
    count, classes = logits.shape[1:]
    each = None if weights is None else ops.repeat(ops.convert_to_tensor(weights), count, axis=0)
    repeated = ops.repeat(ops.convert_to_tensor(labels), count, axis=0)
    return smoothed_cross_entropy(ops.reshape(logits, (-1, classes)), repeated, smoothing, each)
