"""Accuracy on held-out training images: the same ones whatever the order, and none of too few."""

import numpy as np
import pytest

from fgtl.analysis.held_out import held_out_accuracy
from fgtl.errors import DataError, InputError
from fgtl.features.feature_set import Features


def rows(spread: float, images: int = 120) -> Features:
    generator = np.random.default_rng(0)
    labels = (np.arange(images) % 4).astype(np.int32)
    features = generator.normal(size=(images, 6)) + spread * generator.normal(size=(4, 6))[labels]
    return Features(features.astype(np.float32), labels, np.array([f"{i}" for i in range(images)]), tuple("abcd"))


@pytest.mark.parametrize("classifier", ["knn", "ridge", "logistic"])
def test_it_is_near_one_where_classes_lie_apart_and_near_chance_where_they_do_not(classifier: str) -> None:
    far, near = (held_out_accuracy(rows(spread), classifier) for spread in (10.0, 0.0))
    assert far is not None and near is not None
    assert far > 0.95 and near < 0.6


def test_the_order_of_the_rows_does_not_matter() -> None:
    found = rows(0.7)
    shuffled = found.take(np.random.default_rng(1).permutation(120))
    assert held_out_accuracy(found, "knn") == held_out_accuracy(shuffled, "knn") != held_out_accuracy(found, "knn", 5)


def test_too_few_images_give_nothing() -> None:
    assert held_out_accuracy(rows(1.0, images=4), "knn") is None


@pytest.mark.parametrize(("value", "error"), [(np.nan, DataError), (1e30, InputError)])
def test_features_that_cannot_be_used_are_not_taken_for_too_few(value: float, error: type[Exception]) -> None:
    found = rows(1.0)
    found.features[:, 2] = value
    with pytest.raises(error):
        held_out_accuracy(found, "knn")
