"""Nearest neighbours: exact, whatever the blocks, with ties in a fixed order."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fgtl.errors import InputError
from fgtl.features import best_so_far
from fgtl.features.exact_scores import METRICS, Metric
from fgtl.features.topk import top_k

Found = tuple[np.ndarray, np.ndarray]


def slow_top_k(queries: np.ndarray, database: np.ndarray, k: int, metric: str, exclude_self: bool = False) -> Found:
    """The definition: all scores in float64, rounded to float32, sorted with ties by index."""
    one, other = queries.astype(np.float64)[:, None], database.astype(np.float64)[None]
    scores = (one * other).sum(axis=2)
    if metric == "euclidean":
        scores = -np.sqrt(((one - other) ** 2).sum(axis=2))
    elif metric == "cosine":
        lengths = np.sqrt((one**2).sum(axis=2)) * np.sqrt((other**2).sum(axis=2))
        scores = np.where(lengths > 0, scores / np.where(lengths > 0, lengths, 1), 0)
    scores = scores.astype(np.float32)
    if exclude_self:
        np.fill_diagonal(scores, -np.inf)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    found = np.take_along_axis(scores, order, axis=1)
    return order, -found if metric == "euclidean" else found


def points(kind: str, count: int, dim: int, seed: int) -> np.ndarray:
    """Rows that are easy, full of ties, copies of a few, far from the origin, or of very different lengths."""
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((count, dim)).astype(np.float32)
    match kind:
        case "ties":
            return np.round(rows)
        case "copies":
            return rows[rng.integers(0, 4, count)]
        case "far":
            return rows + np.float32(300)
        case "lengths":
            return rows * np.float32(10) ** rng.integers(-6, 6, (count, 1)).astype(np.float32)
    return rows


@settings(deadline=None, max_examples=25)
@given(
    st.sampled_from(["easy", "ties", "copies", "far", "lengths"]),
    st.sampled_from(METRICS),
    st.sampled_from([0.01, 0.05, 512]),
    st.integers(1, 90),
    st.integers(0, 2**31),
    st.booleans(),
)
def test_is_what_sorting_all_scores_gives_whatever_the_memory(
    kind: str, metric: Metric, memory: float, k: int, seed: int, exclude_self: bool
) -> None:
    rows = points(kind, 91, 7, seed)
    found = top_k(rows, rows, k, metric, exclude_self=exclude_self, memory_mb=memory, workers=1 + seed % 2)
    indices, scores = slow_top_k(rows, rows, k, metric, exclude_self)
    np.testing.assert_array_equal(found[0], indices)
    np.testing.assert_allclose(found[1], scores, rtol=2e-7, atol=1e-30)
    assert (found[0].dtype, found[1].dtype) == (np.int64, np.float32)


@pytest.mark.parametrize("metric", METRICS)
def test_blocks_and_threads_do_not_change_a_bit(metric: Metric) -> None:
    rng = np.random.default_rng(1)
    queries, database = (rng.standard_normal((count, 33)).astype(np.float32) for count in (300, 5000))
    whole = top_k(queries, database, 9, metric, workers=1)
    for memory, workers in ((0.1, 1), (1, 2), (5, 3)):
        parts = top_k(queries, database, 9, metric, memory_mb=memory, workers=workers)
        for one, other in zip(whole, parts, strict=True):
            np.testing.assert_array_equal(one, other)


def test_better_rows_that_keep_coming_last_are_found() -> None:
    """Every block beats all that was there: nothing can be ruled out early."""
    database = np.linspace(0, 1, 9000, dtype=np.float32)[:, None] * np.ones((1, 3), np.float32)
    indices, _ = top_k(np.ones((5, 3), np.float32), database, 4, "dot", memory_mb=0.2)
    np.testing.assert_array_equal(indices, [[8999, 8998, 8997, 8996]] * 5)


def test_thousands_of_equal_rows_come_in_their_order() -> None:
    database = np.ones((6000, 4), np.float32)
    database[17] = 2
    indices, scores = top_k(np.ones((3, 4), np.float32), database, 30, "euclidean", memory_mb=0.5)
    np.testing.assert_array_equal(indices, [[*range(17), *range(18, 31)]] * 3)
    assert (scores == 0).all()


def test_rows_that_float32_products_cannot_tell_apart_are_told_apart() -> None:
    """So far from the origin that the error of a product is larger than all squared distances."""
    rows = (points("easy", 700, 6, 4) / 50 + 300).astype(np.float32)
    for memory in (0.05, 512):
        indices, _ = top_k(rows[:40], rows, 5, "euclidean", memory_mb=memory)
        np.testing.assert_array_equal(indices, slow_top_k(rows[:40], rows, 5, "euclidean")[0])


def test_a_point_is_at_distance_exactly_0_from_itself() -> None:
    rows = points("far", 500, 64, 3)
    indices, distances = top_k(rows, rows, 2, "euclidean")
    np.testing.assert_array_equal(indices[:, 0], np.arange(500))
    assert (distances[:, 0] == 0).all() and (distances[:, 1] > 0).all()
    similarities = top_k(rows, rows, 1)[1]
    assert (similarities == 1).all()


def test_brute_force_and_a_tree_find_the_same_neighbours() -> None:
    """Acceptance F5: 2,000 x 64 random numbers."""
    from scipy.spatial import KDTree

    rows = np.random.default_rng(5).standard_normal((2000, 64)).astype(np.float32)
    indices, distances = top_k(rows, rows, 5, "euclidean")
    tree_distances, tree_indices = KDTree(rows.astype(np.float64), leafsize=30).query(rows, 5)
    np.testing.assert_array_equal(indices, tree_indices)
    np.testing.assert_allclose(distances, tree_distances, rtol=1e-6)
    assert (distances[:, 0] == 0).all() and indices[:, 0].tolist() == list(range(2000))


def test_only_the_row_that_a_query_is_gets_left_out() -> None:
    rows = points("easy", 40, 5, 6)
    own = np.array([3, -1, 39])
    indices, _ = top_k(rows[[3, 7, 39]], rows, 1, exclude_self=own)
    assert indices[0, 0] != 3 and indices[1, 0] == 7 and indices[2, 0] != 39


def test_a_row_of_zeros_is_like_nothing() -> None:
    rows = np.array([[0, 0], [1, 0], [-1, 0]], np.float32)
    indices, scores = top_k(rows, rows, 3)
    np.testing.assert_array_equal(indices, [[0, 1, 2], [1, 0, 2], [2, 0, 1]])
    np.testing.assert_array_equal(scores, [[0, 0, 0], [1, 0, -1], [1, 0, -1]])


def test_a_memory_map_is_searched(tmp_path: Path) -> None:
    rows = points("easy", 700, 6, 8)
    np.save(tmp_path / "rows.npy", rows)
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    np.testing.assert_array_equal(top_k(rows[:9], mapped, 4)[0], slow_top_k(rows[:9], rows, 4, "cosine")[0])


def test_keys_are_ordered_by_score_and_then_by_index() -> None:
    scores = np.array([-np.inf, -3.5, -1e-40, -0.0, 0.0, 1e-40, 2.0], np.float32)
    keys = best_so_far.pack(scores, np.array([5, 4, 3, 2, 1, 0, 9]))
    assert (np.diff(keys) > 0).all() and keys[0] > best_so_far.EMPTY
    np.testing.assert_array_equal(best_so_far.scores_of(keys), scores)
    np.testing.assert_array_equal(best_so_far.indices_of(keys), [5, 4, 3, 2, 1, 0, 9])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"k": 0}, "1 to 4"),
        ({"k": 5}, "1 to 4"),
        ({"k": 4, "exclude_self": True}, "1 to 3"),
        ({"metric": "manhattan"}, "cosine, euclidean, dot"),
        ({"queries": np.ones((2, 3), np.float32)}, "queries have 3 numbers, the database 2"),
        ({"queries": np.ones(2, np.float32)}, "(Q, D)"),
        ({"queries": np.ones((0, 2), np.float32)}, "at least one row"),
        ({"queries": np.ones((2, 2), np.int32)}, "floats"),
        ({"queries": np.full((1, 2), np.nan, np.float32)}, "Row 0 of queries"),
        ({"queries": np.full((1, 2), 1e30, np.float32)}, "at most 1e18"),
        ({"queries": np.ones((3, 2), np.float32), "exclude_self": True}, "the same rows"),
        ({"exclude_self": np.array([0, 1, 2, 4])}, "below 4"),
    ],
)
def test_what_cannot_be_searched_is_said(change: dict[str, object], message: str) -> None:
    rows = np.arange(8, dtype=np.float32).reshape(4, 2)
    arguments: dict[str, object] = {"queries": rows, "database": rows, "k": 2} | change
    with pytest.raises(InputError, match=re.escape(message)):
        top_k(**arguments)  # type: ignore[arg-type]


def test_the_row_of_a_database_that_is_not_finite_is_named() -> None:
    rows = np.ones((5000, 2), np.float32)
    rows[4711, 1] = np.inf
    with pytest.raises(InputError, match="Row 4,711 of database"):
        top_k(rows[:2], rows, 1)
