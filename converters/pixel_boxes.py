"""Boxes given by their first and last pixel, counted from 1, as MATLAB users write them."""

from fgtl.converters.tables import Line
from fgtl.datasets import Box


def box_from_one(line: Line, x0: float, y0: float, x1: float, y1: float) -> Box:
    """The same box half-open and counted from 0: pixels 1 to 10 are [0, 10).

    Args:
        line: where the box stands, for messages.
        x0, y0, x1, y1: first and last column and row that belong to it.

    Raises:
        DataError: it counts from 0, or ends before it begins.
    """
    if min(x0, y0) < 1 or x1 < x0 or y1 < y0:
        raise line.error(
            f"a box from ({x0:g}, {y0:g}) to ({x1:g}, {y1:g})", expected="pixels counted from 1, the first one first."
        )
    return Box(x0 - 1, y0 - 1, x1, y1)
