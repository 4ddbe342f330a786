"""Rows of photographs of neighbours that were found: names, ticks and words where they belong."""

import numpy as np
import pytest

from fgtl.analysis.neighbour_rows import described, neighbour_rows
from fgtl.features.feature_set import Features
from fgtl.features.topk import top_k

NAMES = ("wren", "owl")


def rows_of(features: list[list[float]], labels: list[int], ids: list[str]) -> Features:
    return Features(np.array(features, np.float32), np.array(labels, np.int32), np.array(ids), NAMES)


DATABASE = rows_of([[1, 0], [0, 1], [3, 4]], [0, 1, 1], ["a", "b", "c"])


def test_a_row_has_the_query_and_its_neighbours_with_their_images() -> None:
    queries = rows_of([[0, 2], [5, 0]], [1, 0], ["q", "r"])
    images = {"q": b"Q", "b": b"B", "a": b"A"}
    first, second = neighbour_rows(queries, DATABASE, top_k(queries.features, DATABASE.features, 2), images)
    assert (first.query.data, first.query.name, first.query.note, first.query.right) == (b"Q", "owl", "q", None)
    assert [(one.data, one.name, one.note, one.said, one.right) for one in first.neighbours] == [
        (b"B", "owl", "b", "distance 0.000", True),
        (b"", "owl", "c", "distance 0.200", True),
    ]
    assert second.query.data == b""
    assert [(one.note, one.right) for one in second.neighbours] == [("a", True), ("c", False)]


def test_of_a_file_nobody_knows_what_is_right() -> None:
    queries = rows_of([[1, 0]], [-1], ["some/where/photo.jpg"])
    found = top_k(queries.features, DATABASE.features, 1)
    (row,) = neighbour_rows(queries, DATABASE, found, {"some/where/photo.jpg": b"P"})
    assert (row.query.data, row.query.name, row.query.note) == (b"P", "", "photo.jpg")
    assert row.neighbours[0].right is None


@pytest.mark.parametrize(
    ("metric", "score", "words"),
    [
        ("cosine", 0.6, "distance 0.400"),
        ("cosine", 1.0000001, "distance 0.000"),
        ("euclidean", 12.3456, "distance 12.35"),
        ("dot", -3.0, "product -3"),
    ],
)
def test_scores_are_said_in_the_words_of_their_metric(metric: str, score: float, words: str) -> None:
    assert described(score, metric) == words
