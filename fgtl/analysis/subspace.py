"""The best combination of a few known directions, found from their images without touching the data."""

import numpy as np
from numpy.typing import NDArray

from fgtl.analysis.softmax_loss import softmax_loss

_BLOCK = 64
_STEPS = 8
# Eigenvalues below this share of the largest are rounding of float32.
_RANK = 1e-4


def best_combination(
    steps: NDArray[np.float32], images: NDArray[np.float32], labels: NDArray[np.int64], c: float, start: int
) -> NDArray[np.float32]:
    """Coefficients u that nearly minimise C sum_i loss_i(sum_m u_m images_m) + 1/2 |sum_m u_m steps_m|^2.

    Newton's method with the first Hessian, in float64, which is M x M: cheap, as the loss depends on the weights through
    the images alone. The last row of the weights, the intercept, is not penalised.

    Args:
        steps: (M, D + 1, K); zeros where nothing is known.
        images: (M, N, K), the data times `steps`.
        labels: (N,).
        c: C.
        start: the one of M that the search starts from.

    Returns:
        (M,) float32.

    Cost: about that of one product with the data. Memory: two (N, K) arrays and a block.
    """
    flat = steps.reshape(len(steps), -1)
    penalty = (flat @ flat.T - steps[:, -1] @ steps[:, -1].T).astype(np.float64)
    weights = np.zeros(len(steps))
    weights[start] = 1
    logits, residuals = images[start].copy(), np.empty_like(images[start])
    value = c * softmax_loss(logits, labels, residuals) + weights @ penalty @ weights / 2
    invert = _inverse(c * _curvature(images, residuals, labels) + penalty)
    for _ in range(_STEPS):
        slopes = images.reshape(len(images), -1) @ residuals.ravel()
        gradient = c * slopes.astype(np.float64) + penalty @ weights
        move = -invert @ gradient
        trial, trial_residuals, size = logits, np.empty_like(residuals), 1.0
        while size > 0.05:
            tried = weights + size * move
            np.dot(tried.astype(np.float32), images.reshape(len(images), -1), out=trial.reshape(-1))
            now = c * softmax_loss(trial, labels, trial_residuals) + tried @ penalty @ tried / 2
            if now < value:
                break
            size /= 2
        else:
            break
        gained, weights, value, residuals = value - now, tried, now, trial_residuals
        if gained < 5e-8 * value:
            break
    return weights.astype(np.float32)


def _curvature(
    images: NDArray[np.float32], residuals: NDArray[np.float32], labels: NDArray[np.int64]
) -> NDArray[np.float64]:
    """(M, M): sum over the rows of the covariances of the images under p."""
    count = len(images)
    total = np.zeros((count, count))
    for start in range(0, len(labels), _BLOCK):
        chosen = slice(start, start + _BLOCK)
        p = residuals[chosen].copy()
        p[np.arange(len(p)), labels[chosen]] += 1
        spread = images[:, chosen] - np.einsum("mnk,nk->mn", images[:, chosen], p)[:, :, None]
        spread *= np.sqrt(np.maximum(p, 0))
        spread = spread.reshape(count, -1)
        total += spread @ spread.T
    return total


def _inverse(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """(M, M) pseudo-inverse of the rows and columns that are not 0, after scaling them to a unit diagonal."""
    used = np.flatnonzero(np.diag(matrix) > 0)
    if not len(used):
        return np.zeros_like(matrix)
    scale = 1 / np.sqrt(np.diag(matrix)[used])
    values, vectors = np.linalg.eigh(matrix[np.ix_(used, used)] * scale[:, None] * scale)
    kept = values > _RANK * values[-1]
    half = scale[:, None] * vectors[:, kept] / np.sqrt(values[kept])
    inverse = np.zeros_like(matrix)
    inverse[np.ix_(used, used)] = half @ half.T
    return inverse
