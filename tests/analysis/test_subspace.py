"""The best combination of directions, against a general minimiser in float64."""

import numpy as np
from scipy.optimize import minimize

from fgtl.analysis.subspace import best_combination


def slow_objective(weights: np.ndarray, steps: np.ndarray, images: np.ndarray, labels: np.ndarray, c: float) -> float:
    logits = np.tensordot(weights, images.astype("float64"), 1)
    losses = np.logaddexp.reduce(logits, axis=1) - logits[np.arange(len(labels)), labels]
    return float(c * losses.sum() + (np.tensordot(weights, steps[:, :-1].astype("float64"), 1) ** 2).sum() / 2)


def test_from_the_solution_of_the_c_before_it_is_as_low_as_a_general_minimiser_gets() -> None:
    rng = np.random.default_rng(0)
    data = rng.normal(size=(150, 9)).astype("float32")
    labels = rng.integers(0, 4, 150)
    for c in (0.01, 1.0, 30.0):
        steps = rng.normal(size=(6, 9, 4)).astype("float32")
        steps[4] = 0
        images = np.einsum("nd,mdk->mnk", data, steps)
        before = minimize(slow_objective, np.eye(6)[0], (steps, images, labels, c / 1.8), tol=1e-12).x
        steps[0] = np.tensordot(before, steps, 1)
        images[0] = data @ steps[0]
        found = best_combination(steps, images, labels, c, start=0)
        low = minimize(slow_objective, np.eye(6)[0], (steps, images, labels, c), tol=1e-12).fun
        assert slow_objective(found, steps, images, labels, c) <= low * (1 + 1e-5)
        # Nothing is known there.
        assert found[4] == 0


def test_twice_the_same_direction_does_no_harm() -> None:
    rng = np.random.default_rng(1)
    step = rng.normal(size=(5, 3)).astype("float32")
    data, labels = rng.normal(size=(60, 5)).astype("float32"), rng.integers(0, 3, 60)
    steps = np.stack([step, 2 * step])
    found = best_combination(steps, data @ steps, labels, 1.0, start=0)
    alone = best_combination(steps[:1], data @ steps[:1], labels, 1.0, start=0)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found[0] + 2 * found[1], alone[0], rtol=1e-3)


def test_where_nothing_is_known_the_start_is_kept() -> None:
    nothing, labels = np.zeros((3, 4, 2), "float32"), np.array([0, 1, 0, 1, 1])
    images = np.zeros((3, 5, 2), "float32")
    assert best_combination(nothing, images, labels, 1.0, start=1).tolist() == [0, 1, 0]
