"""LogME against the evidence written out with N x N matrices and maximised by a general optimiser."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from fgtl.analysis.logme import logme
from fgtl.errors import DataError


def slow_logme(features: np.ndarray, labels: np.ndarray) -> float:
    """Mean over classes of max log N(y; 0, F F^T / alpha + 1 / beta) / N, from the best of a grid of starts."""
    exact = features.astype(np.float64)
    kernel, count = exact @ exact.T, len(labels)
    best = []
    for label in np.unique(labels):
        y = (labels == label).astype(np.float64)

        def loss(logs: np.ndarray, y: np.ndarray = y) -> float:
            covariance = kernel * np.exp(-logs[0]) + np.eye(count) * np.exp(-logs[1])
            return float(
                y @ np.linalg.solve(covariance, y) + np.linalg.slogdet(covariance)[1] + count * np.log(2 * np.pi)
            )

        start = min(
            itertools.product(np.arange(-4.0, 14), np.arange(-1.0, 9, 0.5)), key=lambda logs: loss(np.array(logs))
        )
        best.append(-minimize(loss, start, method="Nelder-Mead", options={"xatol": 1e-4, "fatol": 1e-8}).fun / 2)
    return float(np.mean(best)) / count


def drawn(seed: int, rows: int, dim: int, classes: int, spread: float) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(classes), generator.integers(0, classes, rows - classes)]).astype(np.int32)
    features = generator.normal(size=(rows, dim)) + spread * generator.normal(size=(classes, dim))[labels]
    return features.astype(np.float32), labels


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 12), st.integers(2, 3), st.sampled_from([0.3, 1.0, 3.0]))
def test_equals_the_evidence_written_out(seed: int, dim: int, classes: int, spread: float) -> None:
    features, labels = drawn(seed, 24, dim, classes, spread)
    assert logme(features, labels) == pytest.approx(slow_logme(features, labels), abs=1e-5)


def test_more_dimensions_than_rows_and_constant_ones_are_no_trouble() -> None:
    features, labels = drawn(1, 20, 60, 3, 1.0)
    features[:, 5] = 3.0
    features[:, 7] = 0.0
    found = logme(features, labels)
    assert np.isfinite(found)
    # Where features fit any labels the optimum lies at beta = infinity or near: the slow twin can only come close.
    assert found >= slow_logme(features, labels) - 1e-5


def test_a_class_of_one_image_counts_like_any() -> None:
    features, labels = drawn(2, 24, 5, 2, 1.0)
    labels[3] = 7
    assert logme(features, labels) == pytest.approx(slow_logme(features, labels), abs=1e-5)


def test_features_that_tell_the_classes_apart_score_higher() -> None:
    scores = [logme(*drawn(3, 300, 20, 5, spread)) for spread in (0.0, 0.5, 1.0, 3.0)]
    assert scores == sorted(scores) and scores[-1] > scores[0] + 0.3


def test_the_order_of_rows_names_of_labels_and_a_rotation_do_not_matter() -> None:
    features, labels = drawn(4, 200, 10, 4, 1.0)
    order = np.random.default_rng(0).permutation(200)
    rotation = np.linalg.qr(np.random.default_rng(1).normal(size=(10, 10)))[0]
    expected = logme(features, labels)
    assert logme(features[order], labels[order] * 3 + 2) == pytest.approx(expected, rel=1e-9)
    assert logme((features @ rotation).astype(np.float64), labels) == pytest.approx(expected, rel=1e-6)
    assert logme(features * 1000, labels) == pytest.approx(expected, rel=1e-5)


def test_one_class_is_refused() -> None:
    with pytest.raises(DataError, match="of 1 class"):
        logme(np.ones((4, 2), np.float32), np.zeros(4, np.int32))
