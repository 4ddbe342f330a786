"""The largest flows of a plan, and the target classes that it reaches best and worst."""

from dataclasses import replace

import numpy as np
import pytest

from fgtl.analysis.domain import domain
from fgtl.analysis.emd import emd
from fgtl.analysis.flows import flows_of, reach

SOURCE = domain(np.array([[0.0], [10.0]]), [3, 1], "from")
TARGET = domain(np.array([[1.0], [2.0], [30.0]]), [2, 1, 1], "to")


def test_reach_is_the_mean_distance_of_what_arrives_and_adds_up_to_the_emd() -> None:
    plan = emd(SOURCE, TARGET)
    found = reach(plan, 3)
    np.testing.assert_allclose(found, [1, 2, 20])
    assert float(TARGET.shares @ found) == pytest.approx(plan.distance)


def test_the_largest_flows_come_first_with_their_names_and_places() -> None:
    found = flows_of(emd(SOURCE, TARGET), SOURCE, TARGET, largest=2, ends=1)
    assert (found.source, found.target, found.count) == ("from", "to", 3)
    first = found.largest[0]
    assert (first.source_class, first.target_class, first.mass, first.distance) == ("class 0", "class 0", 0.5, 1.0)
    assert len(found.largest) == 2
    assert (found.nearest[0][0], found.nearest[0][1].target_place) == (1.0, 0)
    assert (found.farthest[0][0], found.farthest[0][1].source_place) == (20.0, 1)


def test_equal_flows_are_ordered_by_their_distance_and_not_by_class_number() -> None:
    """Twelve classes of equal size: masses are equal but for rounding, and the far classes have the lowest numbers."""
    places = np.arange(12, 0, -1, dtype=float)[:, None]
    source = domain(100 * places + places, np.full(12, 7), "from")
    target = domain(100 * places, np.full(12, 7), "to")
    plan = emd(source, target)
    plan = replace(plan, mass=plan.mass + 1e-17 * np.arange(12, 0, -1))
    found = flows_of(plan, source, target, largest=5)
    assert [flow.distance for flow in found.largest] == [1, 2, 3, 4, 5]
    assert [flow.target_class for flow in found.largest] == [f"class {place}" for place in (11, 10, 9, 8, 7)]
    assert (found.classes, found.shown_classes) == ((12, 12), (5, 5))
    assert found.shown == pytest.approx(5 / 12)


def test_of_few_target_classes_none_is_both_near_and_far() -> None:
    found = flows_of(emd(SOURCE, TARGET), SOURCE, TARGET)
    assert len(found.nearest) == len(found.farthest) == 1
    assert flows_of(emd(TARGET, domain(np.zeros((1, 1)), [1])), TARGET, domain(np.zeros((1, 1)), [1])).nearest == ()
