"""Moments against NumPy's own, in one block and in many."""

import numpy as np
import pytest

from fgtl.analysis import moments
from fgtl.analysis.moments import moments_of, spectrum_of
from fgtl.errors import DataError, InputError


def drawn(seed: int = 0, rows: int = 60, dim: int = 7) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    labels = generator.choice([2, 5, 9], size=rows).astype(np.int32)
    features = generator.normal(size=(rows, dim)) + labels[:, None] * generator.normal(size=dim)
    return features.astype(np.float32), labels


@pytest.mark.parametrize("block", [1, 50, 1 << 22])
def test_they_are_those_of_numpy_whatever_the_block(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moments, "_BLOCK", block)
    features, labels = drawn()
    found = moments_of(features, labels)
    exact = features.astype(np.float64)
    np.testing.assert_allclose(found.scatter / 60, np.cov(exact.T, bias=True), rtol=1e-10)
    np.testing.assert_allclose(found.mean, exact.mean(axis=0), rtol=1e-12)
    assert found.fourth == pytest.approx((((exact - exact.mean(axis=0)) ** 2).sum(axis=1) ** 2).sum(), rel=1e-12)
    for place, label in enumerate((2, 5, 9)):
        assert found.class_counts[place] == (labels == label).sum()
        np.testing.assert_allclose(found.class_means[place], exact[labels == label].mean(axis=0), rtol=1e-12)


def test_a_large_constant_costs_no_digits() -> None:
    features, labels = drawn()
    exact = features.astype(np.float64)
    np.testing.assert_allclose(moments_of(exact + 1e7, labels).scatter, moments_of(exact, labels).scatter, rtol=1e-6)


def test_only_directions_in_which_rows_differ_are_in_the_spectrum() -> None:
    features, labels = drawn(rows=5, dim=9)
    eigenvalues, directions = spectrum_of(moments_of(features, labels).scatter, 4)
    assert len(eigenvalues) == 4 and eigenvalues.min() > 0
    np.testing.assert_allclose(directions.T @ directions, np.eye(4), atol=1e-12)


def test_what_has_no_moments_is_refused() -> None:
    features, labels = drawn()
    with pytest.raises(DataError, match="60 images are of 1 class"):
        moments_of(features, np.zeros(60, np.int32))
    with pytest.raises(DataError, match="All 60 rows of features are the same"):
        moments_of(np.ones_like(features), labels)
    with pytest.raises(DataError, match="not finite"):
        moments_of(np.where(features == features[3, 2], np.nan, features), labels)
    with pytest.raises(InputError, match="labels have shape"):
        moments_of(features, labels[:-1])
