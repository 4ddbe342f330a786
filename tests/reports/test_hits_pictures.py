"""Boxes and parts drawn on a picture: in their places, hits and misses told apart by shape."""

import numpy as np
from PIL import Image

from fgtl.reports.hits_pictures import Marked, draw_marks

GREY = (100, 100, 100)


def drawn(boxes: list, points: list, hit: list[bool], deciding: list[bool] | None = None) -> np.ndarray:
    """How far each pixel of a 200 x 100 picture of a 400 x 200 image differs from its background."""
    picture = Image.new("RGB", (200, 100), GREY)
    marked = Marked(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(points, float).reshape(-1, 2),
        np.array(hit, bool),
        np.array(deciding or [False] * len(hit), bool),
    )
    draw_marks(picture, (200, 400), marked)
    return np.asarray(picture, int)


def test_a_box_is_drawn_on_its_sides_and_not_inside() -> None:
    pixels = drawn([[100, 40, 300, 160]], [], [])
    changed = abs(pixels - GREY).max(axis=-1) > 20
    assert changed[50, 50] and changed[50, 149] and changed[20, 100] and changed[79, 100]
    assert not changed[50, 60:140].any() and not changed[:20].any() and not changed[:, :50].any()


def test_hits_are_blue_dots_and_misses_red_crosses() -> None:
    pixels = drawn([], [(100, 100), (300, 100)], [True, False])
    dot, cross = pixels[44:57, 44:57], pixels[44:57, 144:157]
    assert dot[6, 6, 2] > 200 > dot[6, 6, 0] and cross[6, 6, 0] > 200 > cross[6, 6, 2]
    # A dot is full to its sides; a cross is open there.
    assert abs(dot[6, 2] - GREY).max() > 50 and abs(cross[6, 0] - GREY).max() < 20


def test_a_ring_is_around_the_deciding_part_only() -> None:
    plain, ringed = (drawn([], [(200, 100)], [True], [deciding]) for deciding in (False, True))
    where = abs(plain - ringed).max(axis=-1) > 50
    assert where[50, 100 - 12 : 100 - 9].any() and not where[48:53, 98:103].any()


def test_marks_at_the_edge_and_boxes_below_a_pixel_are_drawn_without_error() -> None:
    drawn([[0, 0, 400, 200], [399.9, 199.9, 400, 200], [0, 0, 0.1, 0.1]], [(0, 0), (399.9, 199.9)], [True, False])


def test_the_caption_says_whether_the_deciding_part_is_hit() -> None:
    def said(hit: list[bool], deciding: list[bool]) -> str:
        return Marked(np.zeros((0, 4), np.float32), np.zeros((2, 2)), np.array(hit), np.array(deciding)).said

    assert said([True, False], [False, False]) == "1 of 2 parts hit"
    assert said([True, False], [True, True]).endswith("the deciding one too")
    assert said([True, False], [False, True]).endswith("the deciding one missed")
