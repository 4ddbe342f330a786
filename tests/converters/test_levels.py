"""Labels at a level of a hierarchy."""

import pytest

from fgtl.converters.levels import at_level, number_paths, path_names
from fgtl.datasets import Sample
from fgtl.errors import DataError


def sample(*hierarchy: str) -> Sample:
    return Sample("/".join(hierarchy), "x.jpg", 7, hierarchy[-1] if hierarchy else "", "train", hierarchy=hierarchy)


ALL = [sample("b", "y", "1"), sample("a", "z", "2"), sample("a", "y", "3"), sample("b", "y", "4")]


def test_classes_are_the_sorted_paths_down_to_the_level() -> None:
    assert [one.label for one in at_level(ALL, 0)] == [1, 0, 0, 1]
    assert [one.label for one in at_level(ALL, 1)] == [2, 1, 0, 2]
    assert [one.hierarchy for one in at_level(ALL, 1)] == [("b", "y"), ("a", "z"), ("a", "y"), ("b", "y")]


def test_equal_names_below_different_parents_are_told_apart() -> None:
    assert [one.class_name for one in at_level(ALL, 1)] == ["b / y", "z", "a / y", "b / y"]
    assert [one.class_name for one in at_level(ALL, 2)] == ["1", "2", "3", "4"]


def test_nothing_else_of_a_sample_changes() -> None:
    (one,) = at_level(ALL[:1], 0)
    assert (one.id, one.path, one.split) == (ALL[0].id, ALL[0].path, "train")


def test_a_hierarchy_that_ends_above_the_level_is_named() -> None:
    with pytest.raises(DataError, match="(?s)The image a has no class at this level: a.*Expected 2 names"):
        at_level([*ALL, sample("a")], 1)
    with pytest.raises(DataError, match="no hierarchy"):
        at_level([sample()], 0)


def test_labels_and_names_of_no_paths() -> None:
    assert number_paths([]) == path_names([]) == {}
