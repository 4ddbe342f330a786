"""The paper's ranking of source classes on hand-made and random points (acceptance B1, B2 and A3)."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fgtl.analysis.domain import domain
from fgtl.analysis.emd import emd
from fgtl.analysis.ground_distance import distances
from fgtl.analysis.source_classes import Choice, distances_alone, nearest_classes, union_of
from fgtl.errors import InputError

SOURCES = np.array([[0, 0], [1, 0], [10, 0], [0, 10]], float)
TARGET, WEIGHTS = np.array([[0, 0], [1, 0]], float), np.array([1.0, 1.0])


def test_b1_the_example_by_hand() -> None:
    costs = distances(SOURCES, TARGET)
    np.testing.assert_allclose(distances_alone(costs, WEIGHTS), [0.5, 0.5, 9.5, (10 + np.sqrt(101)) / 2], rtol=1e-12)
    assert nearest_classes(costs, WEIGHTS, 2).tolist() == [0, 1]
    assert nearest_classes(costs, WEIGHTS, 3).tolist() == [0, 1, 2]


def test_b1_ties_go_to_the_smaller_position_though_sums_differ_in_the_last_digit() -> None:
    costs = np.array([[0.3, 0.1 + 0.2], [0.1 + 0.2, 0.3], [0.3, 0.3], [0.2, 0.2]])
    assert nearest_classes(costs, np.array([1.0, 3.0]), 4).tolist() == [3, 0, 1, 2]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 12), st.integers(1, 8))
def test_a3_the_closed_form_is_the_distance_of_a_domain_of_one_class(seed: int, classes: int, targets: int) -> None:
    generator = np.random.default_rng(seed)
    means, others = generator.normal(size=(classes, 3)), generator.normal(size=(targets, 3))
    weights = generator.integers(1, 50, targets).astype(float)
    alone = distances_alone(distances(means, others), weights)
    for row, distance in zip(means, alone, strict=True):
        assert emd(domain(row[None], [1.0]), domain(others, weights)).distance == pytest.approx(distance, rel=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 4), st.integers(1, 9))
def test_b2_the_union_is_sorted_without_duplicates_and_no_larger_than_all_choices(
    seed: int, targets: int, classes: int
) -> None:
    generator = np.random.default_rng(seed)
    choices, total = [], 0
    for target in range(targets):
        size = int(generator.integers(1, classes + 1))
        order = nearest_classes(generator.random((classes, 3)), np.ones(3), size)
        choices.append(Choice(f"target {target}", order, np.zeros(size)))
        total += size
    union = union_of(choices).tolist()
    assert union == sorted(set(union))
    assert len(union) <= total
    every = nearest_classes(generator.random((classes, 3)), np.ones(3), classes)
    assert union_of([*choices, Choice("all", every, np.zeros(classes))]).tolist() == list(range(classes))


@pytest.mark.parametrize("k", [0, 5, -1])
def test_sizes_that_cannot_be_are_refused(k: int) -> None:
    with pytest.raises(InputError, match="1 to 4"):
        nearest_classes(distances(SOURCES, TARGET), WEIGHTS, k)


def test_weights_that_are_not_positive_or_do_not_fit_are_refused() -> None:
    for weights in (np.array([1.0, 0.0]), np.ones(3)):
        with pytest.raises(InputError, match="weights > 0"):
            nearest_classes(distances(SOURCES, TARGET), weights, 1)
