"""The loss of kept points is the cross-entropy of each with its image's label."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fgtl.errors import InputError
from fgtl.losses.selected_points import selected_point_loss


def slow_loss(logits: np.ndarray, labels: np.ndarray, smoothing: float, weights: np.ndarray) -> float:
    """One point at a time, in float64."""
    total, classes = 0.0, logits.shape[-1]
    for image, label, weight in zip(logits.astype("float64"), labels, weights, strict=True):
        target = np.full(classes, smoothing / classes)
        target[label] += 1 - smoothing
        for point in image:
            total -= weight * target @ (point - np.log(np.exp(point - point.max()).sum()) - point.max())
    return total / (weights.sum() * logits.shape[1])


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 4), st.integers(1, 6), st.integers(2, 5), st.floats(0, 0.9), st.integers(0, 2**31))
def test_equals_the_formula(batch: int, points: int, classes: int, smoothing: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 5, (batch, points, classes)).astype("float32")
    labels, weights = rng.integers(0, classes, batch), rng.uniform(0.1, 2, batch).astype("float32")
    loss = float(selected_point_loss(logits, labels, smoothing, weights))
    assert loss == pytest.approx(slow_loss(logits, labels, smoothing, weights), rel=2e-5, abs=2e-5)
    loss = float(selected_point_loss(logits, labels, smoothing))
    assert loss == pytest.approx(slow_loss(logits, labels, smoothing, np.ones(batch)), rel=2e-5, abs=2e-5)
    rows = np.eye(classes, dtype="float32")[labels]
    assert float(selected_point_loss(logits, rows, smoothing)) == pytest.approx(loss, rel=1e-5, abs=1e-6)


def test_uniform_points_lose_the_logarithm_of_the_classes() -> None:
    assert float(selected_point_loss(np.zeros((2, 7, 200), "float32"), np.array([3, 4]))) == pytest.approx(5.298317)


def test_says_what_came_and_what_was_expected() -> None:
    with pytest.raises(InputError, match=r"logits has shape \(3, 4\)[\s\S]*\(B, s, K\)"):
        selected_point_loss(np.zeros((3, 4)), np.zeros(3, int))
