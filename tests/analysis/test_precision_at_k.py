"""Precision at k: by hand, leave-one-out, and against what is defined."""

import numpy as np
import pytest

from fgtl.analysis.precision_at_k import own_rows, precision_at_k
from fgtl.errors import InputError
from fgtl.features.feature_set import Features


def line(places: list[float], labels: list[int], names: str = "abcdefgh") -> Features:
    """Points on a line."""
    rows = np.array([[place, 1] for place in places], np.float32)
    return Features(rows, np.array(labels, np.int32), np.array(list(names[: len(labels)])), ("wren", "tit"))


def test_equals_what_one_counts_by_hand() -> None:
    database = line([0, 1, 2, 10], [0, 0, 1, 1])
    queries = line([0.4, 9], [0, 1], names="xy")
    found = precision_at_k(queries, database, (1, 2, 3), "euclidean")
    # Nearest to 0.4: 0, 1, 2 (wren, wren, tit); to 9: 10, 2, 1 (tit, tit, wren).
    assert found == pytest.approx({1: 1.0, 2: 1.0, 3: 2 / 3})


def test_the_same_photographs_are_judged_without_themselves() -> None:
    rows = line([0, 1, 10, 11], [0, 1, 0, 1])
    assert precision_at_k(rows, rows, (1,), "euclidean") == {1: 0.0}


def test_a_photograph_of_both_sets_is_recognised_by_its_id_not_its_place() -> None:
    database = line([0, 1, 10], [0, 1, 0])
    queries = database.take([2, 0])
    np.testing.assert_array_equal(own_rows(queries, database), [2, 0])
    np.testing.assert_array_equal(own_rows(line([5], [0], names="z"), database), [-1])


def test_other_classes_are_refused() -> None:
    rows = line([0, 1], [0, 1])
    other = Features(rows.features, rows.labels, rows.ids, ("tit", "wren"))
    with pytest.raises(InputError, match="different classes"):
        precision_at_k(rows, other, (1,))
