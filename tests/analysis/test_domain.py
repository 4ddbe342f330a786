"""Domains: class means with weights, what is left out of them, and what they refuse."""

import numpy as np
import pytest

from fgtl.analysis.domain import Domain, at_least, domain, domain_of, joined
from fgtl.errors import DataError, InputError, UsageError
from fgtl.features.feature_set import Features


def features_of(rows: list[list[float]], labels: list[int], classes: int = 10) -> Features:
    ids = np.array([f"{row}.jpg" for row in range(len(rows))])
    names = tuple(f"name {label}" for label in range(classes))
    return Features(np.array(rows, np.float32), np.array(labels, np.int32), ids, names)


def test_a10_class_means_weights_and_ids_by_hand() -> None:
    found = domain_of(features_of([[1, 3], [3, 5], [7, 7]], [5, 5, 9]), "hand")
    np.testing.assert_array_equal(found.means, [[2, 4], [7, 7]])
    np.testing.assert_array_equal(found.weights, [2, 1])
    np.testing.assert_array_equal(found.labels, [5, 9])
    assert found.class_names == ("name 5", "name 9")
    assert (found.without_images, found.images) == (8, 3)


def test_a8_small_source_classes_are_left_out_and_the_weights_scaled_again() -> None:
    found = at_least(domain(np.eye(3), [199, 200, 201]), 200)
    np.testing.assert_allclose(found.shares, [200 / 401, 201 / 401], rtol=1e-15)
    np.testing.assert_array_equal(found.labels, [1, 2])
    np.testing.assert_array_equal(found.means, np.eye(3)[1:])
    assert found.too_few == 1


def test_a8_nothing_left_is_said() -> None:
    with pytest.raises(UsageError, match=r"(?s)fewer than 200 images.*its largest has 199.*--min_images"):
        at_least(domain(np.eye(2), [198, 199]), 200)


def test_joined_domains_keep_their_raw_counts_and_know_where_a_class_is_from() -> None:
    one = domain_of(features_of([[0, 0], [2, 2]], [1, 1], 2), "a")
    other = domain_of(features_of([[5, 5], [6, 6]], [0, 2], 3), "b")
    found = joined([one, other], "a+b")
    np.testing.assert_array_equal(found.weights, [2, 1, 1])
    np.testing.assert_array_equal(found.parts, [0, 1, 1])
    np.testing.assert_array_equal(found.labels, [1, 0, 2])
    assert (found.name, found.without_images) == ("a+b", 2)
    three = joined([found, one], "a+b+a")
    np.testing.assert_array_equal(three.parts, [0, 1, 1, 2])


def test_one_class_is_a_domain() -> None:
    assert len(domain_of(features_of([[1, 1]], [3]), "one")) == 1


def test_a_feature_that_is_not_finite_is_named_with_its_class() -> None:
    with pytest.raises(DataError, match="birds: the mean of the class name 4 is not finite"):
        domain_of(features_of([[1, 1], [np.nan, 0]], [2, 4]), "birds")


@pytest.mark.parametrize(
    ("weights", "message"), [([1, -2], "has the weight -2"), ([0, 1], "weight 0"), ([1, np.inf], "inf"), ([1], "means")]
)
def test_weights_must_be_positive_numbers_one_a_class(weights: list[float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        domain(np.eye(2), weights)


def test_labels_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="label 10"):
        domain_of(features_of([[1, 1]], [10]), "birds")
    with pytest.raises(InputError, match="labels"):
        domain_of(features_of([[1, 1], [2, 2]], [1]), "birds")
    with pytest.raises(InputError, match="labels"):
        domain_of(Features(np.empty((0, 2), np.float32), np.empty(0, np.int32), np.empty(0, "U1"), ("a",)), "none")


def test_domains_of_different_width_are_not_joined() -> None:
    with pytest.raises(InputError, match="different dimensions"):
        joined([domain(np.eye(2), [1, 1]), domain(np.eye(3), [1, 1, 1])], "both")
    with pytest.raises(InputError):
        joined([], "none")


def test_names_must_be_as_many_as_classes() -> None:
    rows = np.arange(2)
    with pytest.raises(InputError, match="1 class names"):
        Domain("short", np.eye(2), np.ones(2), ("one",), rows, rows)
