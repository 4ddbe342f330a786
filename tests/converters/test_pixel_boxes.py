"""From pixels counted from 1 to edges counted from 0."""

import pytest

from fgtl.converters.pixel_boxes import box_from_one
from fgtl.converters.tables import Line
from fgtl.datasets import Box
from fgtl.errors import DataError

LINE = Line("boxes.txt", "boxes.txt", 3, "")


def test_the_last_pixel_belongs_to_the_box() -> None:
    assert box_from_one(LINE, 1, 1, 10, 5) == Box(0, 0, 10, 5)
    assert box_from_one(LINE, 4, 5, 4, 5) == Box(3, 4, 4, 5)


@pytest.mark.parametrize("sides", [(0, 1, 9, 9), (1, 0, 9, 9), (5, 1, 4, 9), (1, 5, 9, 4)])
def test_other_boxes_are_refused_by_line(sides: tuple[int, int, int, int]) -> None:
    with pytest.raises(DataError, match=r"(?s)boxes\.txt line 3: a box from .*counted from 1"):
        box_from_one(LINE, *sides)
