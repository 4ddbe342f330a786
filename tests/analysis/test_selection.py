"""Choices for several targets by both methods, and the rows that are written of them."""

import numpy as np
import pytest

from fgtl.analysis.domain import domain, joined
from fgtl.analysis.emd import emd
from fgtl.analysis.selection import chosen_of, panels_of, select_source_classes, summaries_of
from fgtl.errors import InputError

SOURCE = joined(
    [domain(np.array([[0, 0], [1, 0], [10, 0]], float), [5, 3, 2]), domain(np.array([[0, 10.0]]), [4])], "both"
)
TARGETS = [
    domain(np.array([[0, 0], [1, 0]], float), [1, 1], "near"),
    domain(np.array([[9, 0], [0, 9]], float), [1, 1], "far"),
]


def test_each_target_chooses_its_own_and_the_union_is_sorted() -> None:
    found = select_source_classes(SOURCE, TARGETS, [1, 2])
    assert [choice.classes.tolist() for choice in found.choices] == [[0], [2, 3]]
    assert found.classes.tolist() == [0, 2, 3]
    assert found.by_paper == found.choices
    assert found.whole[0] == pytest.approx(emd(SOURCE, TARGETS[0]).distance)


def test_one_by_one_the_middle_wins_and_as_a_set_the_two_ends_of_a_target() -> None:
    source = domain(np.array([[5, 0], [4.5, 0], [5.5, 0], [0, 1], [10, 1]]), [1] * 5, "line")
    target = domain(np.array([[0, 0], [10, 0]], float), [1, 1], "ends")
    ranked = select_source_classes(source, [target], [3])
    grown = select_source_classes(source, [target], [3], "marginal")
    assert ranked.choices[0].classes.tolist() == [0, 1, 2]
    assert grown.choices[0].classes.tolist() == [0, 3, 4]
    assert grown.by_paper[0].classes.tolist() == [0, 1, 2]
    np.testing.assert_allclose(grown.choices[0].emd, [5, 3, 7 / 3], rtol=1e-9)
    assert summaries_of(grown)[0].lowest == pytest.approx(7 / 3) and summaries_of(ranked)[0].emd > 4.5


def test_rows_say_who_chose_what_from_where() -> None:
    rows = chosen_of(select_source_classes(SOURCE, TARGETS, [1, 4]), ["first", "second"])
    assert [(row.target, row.rank) for row in rows] == [("near", 1), ("far", 1), ("far", 2), ("far", 3), ("far", 4)]
    last = next(row for row in rows if row.source == "second")
    assert (last.label, last.images, last.name) == (0, 4, "class 0")
    assert last.distance == pytest.approx((np.hypot(9, 10) + 1) / 2)
    assert rows[0].emd == rows[0].distance == pytest.approx(0.5)


def test_the_picture_has_both_methods_where_there_are_two() -> None:
    assert [len(panel.curves) for panel in panels_of(select_source_classes(SOURCE, TARGETS, [2, 2]))] == [1, 1]
    panels = panels_of(select_source_classes(SOURCE, TARGETS, [2, 2], "marginal"))
    assert [curve.label for curve in panels[0].curves] == ["one by one", "as a set"]


def test_what_fits_not_is_refused() -> None:
    for targets, sizes, method in (
        (TARGETS, [1], "paper"),
        ([], [], "paper"),
        (TARGETS, [1, 1], "luck"),
        (TARGETS, [1, 5], "paper"),
    ):
        with pytest.raises(InputError):
            select_source_classes(SOURCE, targets, sizes, method)
