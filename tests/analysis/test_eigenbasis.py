"""Turned features tell a linear classifier the same, and are uncorrelated."""

import numpy as np
import pytest

from fgtl.analysis import eigenbasis
from fgtl.analysis.eigenbasis import Eigenbasis
from fgtl.errors import DataError


def correlated(rows: int, dim: int, scale: float = 1.0) -> np.ndarray:
    rng = np.random.default_rng(0)
    return (scale * (5 + rng.normal(size=(rows, dim)) @ rng.normal(size=(dim, dim)))).astype("float32")


@pytest.mark.parametrize("shape", [(90, 12), (9, 40)])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_weights_of_the_design_say_the_same_of_the_features_as_they_were(shape: tuple[int, int], scale: float) -> None:
    features = correlated(*shape, scale)
    basis = Eigenbasis.fit(features)
    design = basis.design(features)
    assert design.dtype == np.float32 and design.shape == (shape[0], min(shape) + 1)
    weights = np.random.default_rng(1).normal(size=(min(shape) + 1, 3)).astype("float32")
    inner, intercept = basis.linear(weights)
    np.testing.assert_allclose(features @ inner + intercept, design @ weights, rtol=1e-3, atol=2e-4)
    # The penalty is the same, in units of the features.
    assert basis.unit * np.linalg.norm(inner) == pytest.approx(np.linalg.norm(weights[:-1]), rel=1e-5)


@pytest.mark.parametrize("shape", [(90, 12), (9, 40)])
def test_the_columns_are_centred_and_uncorrelated_and_about_1(shape: tuple[int, int]) -> None:
    features = correlated(*shape)
    design = Eigenbasis.fit(features).design(features)[:, :-1].astype("float64")
    scatter = design.T @ design
    assert np.abs(scatter - np.diag(np.diag(scatter))).max() < 1e-4 * scatter.max()
    assert np.abs(design.mean(axis=0)).max() < 1e-4
    assert (design**2).sum() / features.size == pytest.approx(1, rel=1e-4)


def test_distances_stay_also_from_block_to_block(monkeypatch: pytest.MonkeyPatch) -> None:
    features = correlated(50, 6)
    whole = Eigenbasis.fit(features).design(features)
    monkeypatch.setattr(eigenbasis, "_BLOCK", 7)
    parts = Eigenbasis.fit(features).design(features)
    # Axes may point either way.
    np.testing.assert_allclose(whole @ whole.T, parts @ parts.T, rtol=1e-4, atol=1e-3)


def test_many_columns_are_left_as_they_lie(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eigenbasis, "MOST_AXES", 5)
    features = correlated(50, 6)
    basis = Eigenbasis.fit(features)
    assert basis.axes is None
    expected = (features - features.mean(axis=0)) / basis.unit
    np.testing.assert_allclose(basis.design(features)[:, :-1], expected, atol=1e-5)
    weights = np.random.default_rng(1).normal(size=(7, 3)).astype("float32")
    inner, intercept = basis.linear(weights)
    np.testing.assert_allclose(features @ inner + intercept, basis.design(features) @ weights, rtol=1e-3, atol=1e-4)


def test_features_that_do_not_vary_are_0() -> None:
    features = np.full((4, 3), 7, "float32")
    assert (Eigenbasis.fit(features).design(features)[:, :-1] == 0).all()


@pytest.mark.parametrize("scale", [1e-14, 1e14])
def test_features_that_float32_cannot_square_are_said(scale: float) -> None:
    with pytest.raises(DataError, match="root mean square"):
        Eigenbasis.fit(correlated(9, 3, scale))
