"""The loss and its derivative, against the formulas in float64."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fgtl.analysis.softmax_loss import softmax_loss


def slow_loss(logits: np.ndarray, labels: np.ndarray) -> tuple[float, np.ndarray]:
    """-sum ln p(label), and p - onehot, a row at a time; 1 - p(label) from the other classes."""
    total, residuals = 0.0, np.empty(logits.shape)
    for row, (z, y) in enumerate(zip(logits.astype("float64"), labels, strict=True)):
        behind = np.exp(np.delete(z, y) - z[y])
        total += np.log1p(behind.sum())
        residuals[row] = np.insert(behind, y, -behind.sum()) / (1 + behind.sum())
    return total, residuals


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 700), st.integers(2, 9), st.floats(0.01, 30), st.integers(0, 2**31))
def test_equals_the_formula(rows: int, classes: int, scale: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, scale, (rows, classes)).astype("float32")
    labels = rng.integers(0, classes, rows)
    residuals = np.empty_like(logits)
    loss, expected = softmax_loss(logits, labels, residuals), slow_loss(logits, labels)
    assert loss == pytest.approx(expected[0], rel=2e-6)
    np.testing.assert_allclose(residuals, expected[1], rtol=2e-5, atol=1e-30)


def test_what_float32_would_round_away_is_kept() -> None:
    """A margin of 20: p(label) is 1 in float32, and the loss 2e-9."""
    residuals = np.empty((1, 2), "float32")
    loss = softmax_loss(np.array([[20.0, 0.0]], "float32"), np.array([0]), residuals)
    assert loss == pytest.approx(np.exp(-20.0), rel=1e-5)
    assert residuals[0] == pytest.approx([-np.exp(-20.0), np.exp(-20.0)], rel=1e-5)


def test_logits_far_apart_overflow_nowhere() -> None:
    residuals = np.empty((2, 2), "float32")
    loss = softmax_loss(np.array([[3e4, -3e4], [0, 1e4]], "float32"), np.array([1, 0]), residuals)
    assert loss == pytest.approx(7e4)
    assert residuals.tolist() == [[1, -1], [-1, 1]]
