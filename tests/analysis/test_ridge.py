"""Ridge in closed form, against the normal equations."""

import numpy as np
import pytest

from fgtl.analysis.ridge import RidgePath


def slow_scores(
    features: np.ndarray, labels: np.ndarray, classes: int, queries: np.ndarray, penalty: float
) -> np.ndarray:
    """Minimise |X W + b - T|^2 + p |W|^2 by solving for W and b together."""
    rows = np.hstack([features, np.ones((len(features), 1))]).astype("float64")
    targets = 2.0 * np.eye(classes)[labels] - 1
    centred = features - features.mean(axis=0, dtype="float64")
    unit = (centred**2).sum() / min(features.shape)
    penalties = np.diag([penalty * unit] * features.shape[1] + [0.0])
    weights = np.linalg.solve(rows.T @ rows + penalties, rows.T @ targets)
    return np.hstack([queries, np.ones((len(queries), 1))]) @ weights


@pytest.mark.parametrize("shape", [(40, 7), (12, 30)])
@pytest.mark.parametrize("penalty", [0.001, 0.5, 20.0])
def test_equals_the_normal_equations_for_more_rows_and_for_more_columns(shape: tuple[int, int], penalty: float) -> None:
    rng = np.random.default_rng(0)
    features, queries = rng.normal(3, 1, shape).astype("float32"), rng.normal(3, 1, (9, shape[1])).astype("float32")
    labels = np.arange(shape[0]) % 4
    found = list(RidgePath(features, labels, 4).scores(queries, (1.0, penalty)))
    expected = slow_scores(features, labels, 4, queries, penalty)
    np.testing.assert_allclose(found[1], expected, rtol=1e-4, atol=1e-4)


def test_the_scale_of_the_features_does_not_matter() -> None:
    rng = np.random.default_rng(1)
    features, labels = rng.normal(size=(30, 5)).astype("float32"), np.arange(30) % 3
    small, large = (next(RidgePath(f, labels, 3).scores(f, (0.1,))) for f in (features, 1000 * features))
    np.testing.assert_allclose(small, large, rtol=1e-4, atol=1e-5)


def test_a_class_without_rows_is_never_the_highest() -> None:
    rng = np.random.default_rng(2)
    features = rng.normal(size=(20, 4)).astype("float32")
    scores = next(RidgePath(features, np.arange(20) % 2, 3).scores(features, (1e6,)))
    assert (scores[:, 2] == -np.inf).all()
