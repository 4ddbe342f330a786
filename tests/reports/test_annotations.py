import numpy as np
import pytest
from PIL import Image, ImageColor

from fgtl.data.example import BOX_XMAX, BOX_XMIN, BOX_YMAX, BOX_YMIN, PART_VISIBLE, PART_X, PART_Y
from fgtl.reports import annotations as module
from fgtl.reports.annotations import Annotations, draw_annotations, part_colours

BIRD = {
    BOX_XMIN: np.array([0.25], np.float32),
    BOX_YMIN: np.array([0.5], np.float32),
    BOX_XMAX: np.array([0.75], np.float32),
    BOX_YMAX: np.array([1.0], np.float32),
    PART_X: np.array([0.5, 0.0, 0.125], np.float32),
    PART_Y: np.array([0.75, 0.0, 0.25], np.float32),
    PART_VISIBLE: np.array([1, 0, 1]),
}
PARTS = ("beak", "tail", "eye")


def changed(before, after):
    """(H, W) bool: pixels that were drawn on."""
    return (np.asarray(before) != np.asarray(after)).any(-1)


def drawn(example, size=(600, 400), colour="#808080", names=True):
    picture = Image.new("RGB", size, colour)
    draw_annotations(picture, Annotations.of(example, PARTS), names=names)
    return changed(Image.new("RGB", size, colour), picture), picture


def test_a_record_says_boxes_and_visible_parts():
    found = Annotations.of(BIRD, PARTS)
    assert found.boxes == ((0.25, 0.5, 0.75, 1.0),)
    assert found.parts == {"beak": (0.5, 0.75), "tail": None, "eye": (0.125, 0.25)}


def test_a_record_without_annotations_is_drawn_as_it_is():
    assert Annotations.of({}, PARTS) == Annotations()
    assert not drawn({})[0].any()


def test_dots_lie_on_their_points_in_the_colour_of_their_part():
    marked, picture = drawn(BIRD, names=False)
    colours = part_colours(PARTS)
    for name, place in (("beak", (300, 300)), ("eye", (75, 100))):
        assert picture.getpixel(place) == ImageColor.getrgb(colours[name])
    # Boxes and two dots, nothing at the hidden part's (0, 0).
    assert not marked[:80, :].any()


def test_a_box_is_a_frame_along_its_sides_that_leaves_the_inside_free():
    marked, _ = drawn({key: value for key, value in BIRD.items() if "bbox" in key})
    assert marked[300, 150] and marked[300, 449] and marked[200, 300] and marked[398, 300]
    assert not marked[206:392, 158:442].any()
    assert not marked[:196].any()


@pytest.mark.parametrize("colour", ["black", "white", "#ffd23f", "#101418"])
def test_every_mark_stands_out_on_any_background(colour):
    marked, picture = drawn(BIRD, colour=colour, names=False)
    levels = np.asarray(picture.convert("L"), int)[marked]
    ground = Image.new("RGB", (1, 1), colour).convert("L").getpixel((0, 0))
    assert (abs(levels - ground) > 60).mean() > 0.3


def test_names_hide_neither_dots_nor_each_other():
    rng = np.random.default_rng(0)
    names = tuple(f"part number {number}" for number in range(15))
    dots = {name: tuple(point) for name, point in zip(names, rng.uniform(250, 450, (15, 2)).tolist(), strict=True)}
    areas = module._place_names({name: name for name in names}, dots, (700, 700))
    boxes = list(areas.values())
    for number, (x0, y0, x1, y1) in enumerate(boxes):
        assert 0 <= x0 < x1 <= 700 and 0 <= y0 < y1 <= 700
        assert not any(x0 <= x <= x1 and y0 <= y <= y1 for x, y in dots.values())
        assert all(x1 <= b[0] or b[2] <= x0 or y1 <= b[1] or b[3] <= y0 for b in boxes[number + 1 :])


@pytest.mark.parametrize("size", [(1, 1), (3, 400), (400, 2), (20, 20)])
def test_pictures_of_a_few_pixels_can_be_drawn_on(size):
    drawn(BIRD, size=size)
