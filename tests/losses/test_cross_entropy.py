"""Smoothed cross-entropy against the formula."""

import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fgtl.errors import InputError
from fgtl.losses.cross_entropy import smoothed_cross_entropy


def slow_cross_entropy(logits: np.ndarray, labels: np.ndarray, smoothing: float, weights: np.ndarray) -> float:
    """The formula, one row and one class at a time, in float64."""
    total = 0.0
    for row, label, weight in zip(logits.astype("float64"), labels, weights, strict=True):
        log_sum = row.max() + math.log(sum(math.exp(value - row.max()) for value in row))
        for index, value in enumerate(row):
            target = (1 - smoothing) * (index == label) + smoothing / len(row)
            total -= weight * target * (value - log_sum)
    return total / weights.sum()


@settings(deadline=None)
@given(st.integers(1, 7), st.integers(2, 9), st.floats(0, 0.9), st.floats(0.1, 50), st.integers(0, 2**31))
def test_equals_the_formula(batch: int, classes: int, smoothing: float, scale: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, scale, (batch, classes)).astype("float32")
    labels, weights = rng.integers(0, classes, batch), rng.uniform(0.1, 2, batch).astype("float32")
    loss = float(smoothed_cross_entropy(logits, labels, smoothing, weights))
    assert loss == pytest.approx(slow_cross_entropy(logits, labels, smoothing, weights), rel=2e-5, abs=2e-5)
    unweighted = float(smoothed_cross_entropy(logits, labels, smoothing))
    expected = slow_cross_entropy(logits, labels, smoothing, np.ones(batch))
    assert unweighted == pytest.approx(expected, rel=2e-5, abs=2e-5)


def slow_against_distributions(logits: np.ndarray, targets: np.ndarray, smoothing: float, weights: np.ndarray) -> float:
    """The formula for any distribution: the expected loss of a label that is drawn from each row of targets."""
    total = 0.0
    for row, (target, weight) in enumerate(zip(targets, weights, strict=True)):
        for label, probability in enumerate(target):
            loss = slow_cross_entropy(logits[row : row + 1], np.array([label]), smoothing, np.ones(1))
            total += weight * probability * loss
    return total / weights.sum()


@settings(deadline=None)
@given(st.integers(1, 7), st.integers(2, 9), st.floats(0, 0.9), st.integers(0, 2**31))
def test_distributions_lose_what_a_label_drawn_from_them_is_expected_to(
    batch: int, classes: int, smoothing: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 5, (batch, classes)).astype("float32")
    targets = rng.dirichlet(np.full(classes, 0.3), batch).astype("float32")
    weights = rng.uniform(0.1, 2, batch).astype("float32")
    loss = float(smoothed_cross_entropy(logits, targets, smoothing, weights))
    expected = slow_against_distributions(logits, targets, smoothing, weights)
    assert loss == pytest.approx(expected, rel=2e-5, abs=2e-5)
    unweighted = float(smoothed_cross_entropy(logits, targets, smoothing))
    expected = slow_against_distributions(logits, targets, smoothing, np.ones(batch))
    assert unweighted == pytest.approx(expected, rel=2e-5, abs=2e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_one_hot_rows_lose_exactly_what_their_classes_do(smoothing: float) -> None:
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(0, 9, (50, 11)).astype("float32"), rng.integers(0, 11, 50)
    rows = np.eye(11, dtype="float32")[labels]
    assert float(smoothed_cross_entropy(logits, rows, smoothing)) == float(
        smoothed_cross_entropy(logits, labels, smoothing)
    )


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_uniform_predictions_lose_the_logarithm_of_the_classes_with_or_without_smoothing(smoothing: float) -> None:
    loss = smoothed_cross_entropy(np.zeros((3, 200), "float32"), np.array([0, 7, 199]), smoothing)
    assert float(loss) == pytest.approx(5.298317, abs=1e-6)


def test_smoothing_spreads_a_tenth_over_all_classes() -> None:
    # The loss is linear in log p, so a logit far below the others weighs in with exactly its target.
    logits = np.zeros((1, 200), "float32")
    logits[0, 3] = -1000.0
    base = math.log(199)
    assert float(smoothed_cross_entropy(logits, np.array([5]), 0.1)) - base == pytest.approx(0.0005 * 1000, rel=1e-4)
    assert float(smoothed_cross_entropy(logits, np.array([3]), 0.1)) - base == pytest.approx(0.9005 * 1000, rel=1e-4)


def test_rows_of_weight_zero_do_not_count() -> None:
    logits = np.array([[2.0, -1.0], [9.0, -9.0]], "float32")
    padded = smoothed_cross_entropy(logits, np.array([0, 1]), 0.0, np.array([1.0, 0.0]))
    assert float(padded) == pytest.approx(float(smoothed_cross_entropy(logits[:1], np.array([0]))))
    assert float(smoothed_cross_entropy(logits, np.array([0, 1]), 0.0, np.zeros(2))) == 0.0


def test_logits_of_ten_thousand_stay_finite() -> None:
    logits = np.array([[1e4, -1e4, 0.0]], "float32")
    assert float(smoothed_cross_entropy(logits, np.array([0]))) == 0.0
    assert float(smoothed_cross_entropy(logits, np.array([1]))) == pytest.approx(2e4)


def test_half_precision_logits_are_computed_in_float32() -> None:
    logits = np.array([[10.0, 10.003]], "float16")
    loss = smoothed_cross_entropy(logits, np.array([0]))
    assert str(loss.dtype).endswith("float32'>") or "float32" in str(loss.dtype)


def test_says_what_came_and_what_was_expected() -> None:
    with pytest.raises(InputError, match=r"logits has shape \(3,\)[\s\S]*\(B, K\)"):
        smoothed_cross_entropy(np.zeros(3), np.zeros(3, int))
    for wrong in (np.zeros((3, 5)), np.zeros((3, 4, 1)), np.zeros(())):
        with pytest.raises(InputError, match=rf"labels has shape {re.escape(str(wrong.shape))}[\s\S]*or \(B, 4\)"):
            smoothed_cross_entropy(np.zeros((3, 4)), wrong)
    with pytest.raises(InputError, match=r"smoothing=1\.0"):
        smoothed_cross_entropy(np.zeros((3, 4)), np.zeros(3, int), 1.0)
