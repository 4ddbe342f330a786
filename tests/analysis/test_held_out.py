"""What a classifier gets right of held-out training images: the same ones whatever the order, and none of too few."""

import numpy as np
import pytest

from fgtl.analysis.held_out import FRACTION, right_of_held_out
from fgtl.analysis.probe import probe
from fgtl.analysis.probe_knobs import ProbeKnobs
from fgtl.data.splits import carve_validation
from fgtl.errors import DataError, InputError
from fgtl.features.feature_set import Features


def rows(spread: float, images: int = 120) -> Features:
    generator = np.random.default_rng(0)
    labels = (np.arange(images) % 4).astype(np.int32)
    features = generator.normal(size=(images, 6)) + spread * generator.normal(size=(4, 6))[labels]
    return Features(features.astype(np.float32), labels, np.array([f"{i}" for i in range(images)]), tuple("abcd"))


@pytest.mark.parametrize("classifier", ["knn", "ridge", "logistic"])
def test_it_is_near_one_where_classes_lie_apart_and_near_chance_where_they_do_not(classifier: str) -> None:
    far, near = (right_of_held_out(rows(spread), classifier) for spread in (10.0, 0.0))
    assert far is not None and near is not None
    assert far.mean() > 0.95 and near.mean() < 0.6


def test_the_order_of_the_rows_does_not_matter() -> None:
    found = rows(0.7)
    shuffled = found.take(np.random.default_rng(1).permutation(120))
    right = right_of_held_out(found, "knn")
    np.testing.assert_array_equal(right, right_of_held_out(shuffled, "knn"))
    assert not np.array_equal(right, right_of_held_out(found, "knn", 5))


def test_they_stand_in_the_order_of_their_ids() -> None:
    fitting, held = carve_validation(rows(0.7), FRACTION, 0)
    predicted = probe(fitting, None, held, ProbeKnobs(classifiers=("knn",), standardise="off")).outcomes[0].predicted
    by_id = {id: bool(own) for id, own in zip(held.ids.tolist(), predicted == held.labels, strict=True)}
    right = right_of_held_out(rows(0.7), "knn")
    assert right is not None and right.tolist() == [by_id[id] for id in sorted(by_id)]
    assert 0 < right.sum() < len(right)


def test_too_few_images_give_nothing() -> None:
    assert right_of_held_out(rows(1.0, images=4), "knn") is None


@pytest.mark.parametrize(("value", "error"), [(np.nan, DataError), (1e30, InputError)])
def test_features_that_cannot_be_used_are_not_taken_for_too_few(value: float, error: type[Exception]) -> None:
    found = rows(1.0)
    found.features[:, 2] = value
    with pytest.raises(error):
        right_of_held_out(found, "knn")
