"""The loss of dropped points against the formula, with a loop, and its published landmarks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fgtl.errors import InputError
from fgtl.losses.dropped_points import dropped_point_loss


def slow_loss(logits: np.ndarray, dropped: np.ndarray, weights: np.ndarray) -> float:
    """One dropped point at a time, in float64."""
    total = 0.0
    for image, out, weight in zip(logits.astype("float64"), dropped, weights, strict=True):
        points = [np.mean((np.tanh(image[s]) - -1) ** 2) for s in range(len(out)) if out[s]]
        total += weight * sum(points) / len(points)
    return total / weights.sum()


def drops(rng: np.random.Generator, batch: int, points: int, count: int) -> np.ndarray:
    """The same number in every image."""
    return np.stack([rng.permutation(np.arange(points) < count) for _ in range(batch)])


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 4), st.integers(1, 9), st.integers(1, 5), st.floats(0.1, 20), st.data(), st.integers(0, 2**31))
def test_equals_the_formula(
    batch: int, points: int, classes: int, scale: float, data: st.DataObject, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, scale, (batch, points, classes)).astype("float32")
    dropped = drops(rng, batch, points, data.draw(st.integers(1, points)))
    weights = rng.uniform(0.1, 2, batch).astype("float32")
    loss = float(dropped_point_loss(logits, dropped, weights))
    assert loss == pytest.approx(slow_loss(logits, dropped, weights), rel=1e-5, abs=1e-6)
    loss = float(dropped_point_loss(logits, dropped))
    assert loss == pytest.approx(slow_loss(logits, dropped, np.ones(batch)), rel=1e-5, abs=1e-6)


@pytest.mark.parametrize(("logit", "loss"), [(-1e4, 0.0), (0.0, 1.0), (1e4, 4.0)])
def test_it_goes_from_zero_over_one_to_four(logit: float, loss: float) -> None:
    """Acceptance A15."""
    assert float(dropped_point_loss(np.full((2, 5, 3), logit, "float32"), np.ones((2, 5), bool))) == loss


def test_kept_points_do_not_count() -> None:
    logits = np.full((1, 3, 2), -1e4, "float32")
    logits[0, 1] = 1e4
    assert float(dropped_point_loss(logits, np.array([[True, False, True]]))) == 0.0


def test_images_of_weight_zero_do_not_count() -> None:
    logits = np.stack([np.zeros((4, 2)), np.full((4, 2), 9)]).astype("float32")
    dropped = np.ones((2, 4), bool)
    assert float(dropped_point_loss(logits, dropped, np.array([1.0, 0.0]))) == pytest.approx(1.0)
    assert float(dropped_point_loss(logits, dropped, np.zeros(2))) == 0.0


def test_half_precision_logits_are_computed_in_float32() -> None:
    loss = dropped_point_loss(np.zeros((1, 2, 3), "float16"), np.ones((1, 2), bool))
    assert "float32" in str(loss.dtype)


def test_says_what_came_and_what_was_expected() -> None:
    with pytest.raises(InputError, match=r"logits has shape \(3, 4\)[\s\S]*\(B, S, K\)"):
        dropped_point_loss(np.zeros((3, 4)), np.ones((3, 4), bool))
    with pytest.raises(InputError, match=r"dropped has shape \(2, 4\)[\s\S]*\(B, 5\)"):
        dropped_point_loss(np.zeros((2, 5, 3)), np.ones((2, 4), bool))
