"""kNN votes, against a loop; F5 of the transfer acceptance list."""

import numpy as np
import pytest
from sklearn.neighbors import KDTree

from fgtl.analysis.knn_classifier import knn_probabilities, usable_neighbours
from fgtl.errors import InputError
from fgtl.features.topk import top_k


def slow_votes(queries: np.ndarray, rows: np.ndarray, labels: np.ndarray, classes: int, k: int, t: float) -> np.ndarray:
    found = np.zeros((len(queries), classes))
    unit = [row / np.linalg.norm(row) for row in rows.astype("float64")]
    for i, query in enumerate(queries.astype("float64")):
        cosines = np.array([row @ query / np.linalg.norm(query) for row in unit])
        for near in np.argsort(-cosines, kind="stable")[:k]:
            found[i, labels[near]] += np.exp(cosines[near] / t)
    return found / found.sum(axis=1, keepdims=True)


def test_equals_the_loop_for_every_k() -> None:
    rng = np.random.default_rng(0)
    rows, queries = rng.normal(size=(50, 6)).astype("float32"), rng.normal(size=(20, 6)).astype("float32")
    labels = rng.integers(0, 4, 50)
    for k, found in zip((1, 7, 50), knn_probabilities(queries, rows, labels, 5, (1, 7, 50)), strict=True):
        np.testing.assert_allclose(found, slow_votes(queries, rows, labels, 5, k, 0.07), rtol=1e-4, atol=1e-7)


def test_a_small_temperature_leaves_the_nearest_one() -> None:
    rng = np.random.default_rng(1)
    rows, labels = rng.normal(size=(30, 5)).astype("float32"), rng.integers(0, 3, 30)
    found = next(knn_probabilities(rows, rows, labels, 3, (30,), temperature=1e-6))
    assert (found.argmax(axis=1) == labels).all() and np.isfinite(found).all()


def test_brute_force_and_a_kd_tree_find_the_same_and_a_row_finds_itself() -> None:
    """2,000 x 64 random rows."""
    rows = np.random.default_rng(2).normal(size=(2000, 64)).astype("float32")
    indices, distances = top_k(rows[:200], rows, 5, metric="euclidean")
    theirs = KDTree(rows.astype("float64"), leaf_size=30).query(rows[:200].astype("float64"), k=5)[1]
    assert np.array_equal(indices, theirs)
    assert indices[:, 0].tolist() == list(range(200)) and (distances[:, 0] == 0).all()


def test_k_beyond_the_rows_is_left_out_or_said() -> None:
    assert usable_neighbours(150) == (10, 20, 100)
    assert usable_neighbours(4) == (4,)
    rows = np.eye(3, dtype="float32")
    with pytest.raises(InputError, match="of 3 rows"):
        next(knn_probabilities(rows, rows, np.arange(3), 3, (4,)))
