"""H-score against the formula with explicit inverses, and its shrinkage against scikit-learn's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.covariance import ledoit_wolf

from fgtl.analysis.h_score import h_score, ledoit_wolf_shrinkage
from fgtl.analysis.moments import moments_of


def slow_h_score(features: np.ndarray, labels: np.ndarray, shrunk: bool) -> float:
    """Replace each row by its class mean, take both covariances, invert."""
    exact = features.astype(np.float64)
    means = np.stack([exact[labels == label].mean(axis=0) for label in labels])
    between = np.cov(means.T, bias=True)
    if not shrunk:
        return float(np.trace(np.linalg.pinv(np.cov(exact.T, bias=True), rcond=1e-12, hermitian=True) @ between))
    covariance, amount = ledoit_wolf(exact)
    return float((1 - amount) * np.trace(np.linalg.inv(covariance) @ between))


def drawn(seed: int, rows: int, dim: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(classes), generator.integers(0, classes, rows - classes)]).astype(np.int32)
    return (generator.normal(size=(rows, dim)) + generator.normal(size=(classes, dim))[labels]).astype(
        np.float32
    ), labels


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31), st.integers(6, 60), st.integers(2, 30), st.integers(2, 5), st.booleans())
def test_equals_the_formula(seed: int, rows: int, dim: int, classes: int, shrunk: bool) -> None:
    features, labels = drawn(seed, rows, dim, classes)
    assert h_score(features, labels, shrunk=shrunk) == pytest.approx(slow_h_score(features, labels, shrunk), rel=1e-6)


@pytest.mark.parametrize(("rows", "dim"), [(20, 50), (500, 4)])
def test_the_shrinkage_is_that_of_scikit_learn(rows: int, dim: int) -> None:
    features, labels = drawn(1, rows, dim, 3)
    assert ledoit_wolf_shrinkage(moments_of(features, labels)) == pytest.approx(
        ledoit_wolf(features.astype(np.float64))[1], rel=1e-9
    )


def test_with_few_rows_the_plain_score_says_nothing_and_the_shrunk_one_does() -> None:
    features, labels = drawn(2, 40, 100, 4)
    noise = np.random.default_rng(3).normal(size=features.shape).astype(np.float32)
    assert h_score(features, labels, shrunk=False) == pytest.approx(3.0)
    assert h_score(noise, labels, shrunk=False) == pytest.approx(3.0)
    assert h_score(features, labels) > 1.5 * h_score(noise, labels)


def test_constant_features_change_nothing() -> None:
    features, labels = drawn(4, 60, 5, 3)
    wider = np.concatenate([features, np.full((60, 2), 4.0, np.float32)], axis=1)
    assert h_score(wider, labels, shrunk=False) == pytest.approx(h_score(features, labels, shrunk=False), rel=1e-9)
    assert np.isfinite(h_score(wider, labels))


def test_it_is_at_most_classes_less_one() -> None:
    features, labels = drawn(5, 90, 6, 4)
    far = features + 1000 * np.eye(4, 6, dtype=np.float32)[labels]
    assert 2.99 < h_score(far, labels, shrunk=False) <= 3
