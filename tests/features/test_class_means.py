"""Means of classes: against the definition, in exact sums, at any number of rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fgtl.errors import InputError
from fgtl.features import class_means as module
from fgtl.features.class_means import class_means


def slow_means(features: np.ndarray, labels: np.ndarray) -> dict[int, np.ndarray]:
    return {
        int(label): sum(row.astype("float64") for row in features[labels == label]) / (labels == label).sum()
        for label in set(labels.tolist())
    }


def test_the_example_of_the_specification() -> None:
    means, counts, ids = class_means(np.float32([[1, 3], [3, 5], [7, 7]]), np.int32([5, 5, 9]))
    np.testing.assert_array_equal(means, [[2, 4], [7, 7]])
    assert (counts.tolist(), ids.tolist(), means.dtype) == ([2, 1], [5, 9], np.float32)


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 60), st.integers(1, 9), st.integers(1, 7), st.integers(0, 2**31))
def test_equals_the_definition_whatever_the_block(rows: int, classes: int, block: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(rows, 3)).astype("float32")
    labels = rng.integers(0, classes, rows).astype("int32")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_BLOCK", block)
        means, counts, ids = class_means(features, labels)
    wanted = slow_means(features, labels)
    assert ids.tolist() == sorted(wanted)
    assert counts.tolist() == [int((labels == label).sum()) for label in ids]
    for mean, label in zip(means, ids, strict=True):
        np.testing.assert_allclose(mean, wanted[int(label)], rtol=1e-6, atol=1e-7)


def test_sums_do_not_lose_small_numbers() -> None:
    # Beside 1e8 a float32 has no room for 1.
    features = np.ones((100, 1), np.float32)
    features[[0, -1]] = [[1e8], [-1e8]]
    means, _, _ = class_means(features, np.zeros(100, np.int32))
    assert means[0, 0] == np.float32(0.98)


def test_other_shapes_are_refused() -> None:
    for features, labels in ((np.ones(3), np.ones(3, int)), (np.ones((3, 2)), np.ones(2, int)), (np.ones((0, 2)), [])):
        with pytest.raises(InputError):
            class_means(np.float32(features), np.asarray(labels, np.int32))
