"""Cross-entropy of a linear classifier, from its logits: the loss and its derivative in one pass through the cache."""

import numpy as np
from numpy.typing import NDArray

# Rows at once: 200 KB of 200 classes, so that the passes over a block find it in the cache.
_BLOCK = 256


def softmax_loss(logits: NDArray[np.float32], labels: NDArray[np.int64], residuals: NDArray[np.float32]) -> float:
    """Sum over the rows of -ln p(label), p = softmax(logits); fills `residuals` with p - onehot(label).

    Precise where the fit is nearly perfect, too: 1 - p(label) is the sum of the other probabilities, and the loss is
    log1p of their ratio to p(label). Float32 would otherwise lose both below 1e-7, and strong fits are decided there.

    Args:
        logits: (N, K).
        labels: (N,), 0 <= label < K.
        residuals: (N, K), overwritten.

    Returns:
        The sum, accumulated in float64.

    Memory: a block of rows.
    """
    total = 0.0
    for start in range(0, len(labels), _BLOCK):
        part, own = logits[start : start + _BLOCK], labels[start : start + _BLOCK]
        out = residuals[start : start + _BLOCK]
        rows = np.arange(len(own))
        top = part.max(axis=1)
        np.subtract(part, top[:, None], out=out)
        behind = out[rows, own]
        np.exp(out, out=out)
        likely = out[rows, own]
        out[rows, own] = 0
        others = out.sum(axis=1)
        # Where the own class is on top, `likely` is exactly 1.
        losses = np.where(behind == 0, np.log1p(others), np.log(np.maximum(others, 1) + likely) - behind)
        total += float(losses.sum(dtype=np.float64))
        out /= (others + likely)[:, None]
        out[rows, own] = -others / (others + likely)
    return total
