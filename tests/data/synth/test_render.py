"""Pictures: functions of (seed, id), boxes and parts that fit, and classes that differ in their part alone."""

import io

import numpy as np
import pytest
from PIL import Image

from fgtl.data.synth.individual import draw_pose, stream
from fgtl.data.synth.render import draw
from fgtl.data.synth.species import FAMILIES, PART_NAMES, TRAIT_PARTS, species_list

SPECIES = species_list(len(FAMILIES), 4)
SIZE = 128


def pixels(drawing):
    return np.asarray(Image.open(io.BytesIO(drawing.jpeg)), np.float32)


def parts_of(drawing):
    return {part.name: part for part in drawing.parts}


@pytest.fixture(scope="module")
def drawings():
    """Three pictures of one class of each family."""
    return [(kind, draw(kind, 3, image_id, SIZE)) for kind in SPECIES[::4] for image_id in (1, 2, 3)]


def test_a_picture_is_a_function_of_class_seed_and_id():
    first = draw(SPECIES[5], 7, 11, 64)
    assert draw(SPECIES[5], 7, 11, 64) == first
    assert draw(SPECIES[5], 8, 11, 64).jpeg != first.jpeg
    assert draw(SPECIES[5], 7, 12, 64).jpeg != first.jpeg


def test_a_picture_is_an_rgb_jpeg_of_the_size_it_says(drawings):
    for _, drawing in drawings:
        with Image.open(io.BytesIO(drawing.jpeg)) as image:
            assert (image.format, image.mode, image.size) == ("JPEG", "RGB", drawing.size)
        assert min(drawing.size) == SIZE
        assert max(drawing.size) <= 1.25 * SIZE


def test_the_whole_bird_is_in_the_frame_and_large(drawings):
    for _, drawing in drawings:
        box, (width, height) = drawing.box, drawing.size
        assert 0 <= box.x0 < box.x1 <= width
        assert 0 <= box.y0 < box.y1 <= height
        assert max((box.x1 - box.x0) / width, (box.y1 - box.y0) / height) > 0.5


def test_visible_parts_lie_in_the_box_and_hidden_ones_at_the_origin(drawings):
    for _, drawing in drawings:
        assert tuple(part.name for part in drawing.parts) == PART_NAMES
        for part in drawing.parts:
            if part.visible:
                assert drawing.box.x0 <= part.x <= drawing.box.x1
                assert drawing.box.y0 <= part.y <= drawing.box.y1
            else:
                assert (part.x, part.y) == (0.0, 0.0)


def test_only_one_eye_and_one_wing_are_seen(drawings):
    for _, drawing in drawings:
        parts = parts_of(drawing)
        assert not (parts["left eye"].visible and parts["right eye"].visible)
        assert not (parts["left wing"].visible and parts["right wing"].visible)


def test_most_parts_of_most_birds_are_visible(drawings):
    counts = [sum(part.visible for part in drawing.parts) for _, drawing in drawings]
    assert np.mean(counts) > 9


def test_a_ducks_legs_are_under_water(drawings):
    for kind, drawing in drawings:
        if kind.family.name == "Teal":
            parts = parts_of(drawing)
            assert not parts["left leg"].visible and not parts["right leg"].visible


def test_both_sides_and_heads_turned_back_occur():
    poses = [draw_pose(stream(1, image_id, "pose"), SPECIES[0].family.plan) for image_id in range(1, 60)]
    assert {(pose.facing, pose.head_squeeze > 0) for pose in poses} == {(1, True), (1, False), (-1, True), (-1, False)}


def test_a_head_turned_back_shows_its_other_eye():
    plan = SPECIES[0].family.plan
    turned = [k for k in range(1, 60) if draw_pose(stream(1, k, "pose"), plan).head_squeeze < 0]
    seen = set()
    for image_id in turned:
        parts = parts_of(draw(SPECIES[0], 1, image_id, 64))
        seen |= {(wing, eye) for wing in ("left", "right") for eye in ("left", "right")
                 if parts[f"{wing} wing"].visible and parts[f"{eye} eye"].visible}  # fmt: skip
    assert seen and seen <= {("left", "right"), ("right", "left")}


@pytest.mark.parametrize("family", range(len(FAMILIES)), ids=lambda index: FAMILIES[index].name)
def test_two_classes_with_the_same_id_differ_only_at_the_deciding_part(family):
    """Whatever else would differ would leak the class."""
    kinds = SPECIES[4 * family : 4 * family + 4]
    trait_parts = TRAIT_PARTS[kinds[0].family.trait]
    for image_id in range(1, 30):  # the first picture in which the part is not covered
        pictures = [draw(kind, 5, image_id, SIZE) for kind in kinds[:1]]
        where = [part for part in pictures[0].parts if part.name in trait_parts and part.visible]
        if where:
            break
    pictures += [draw(kind, 5, image_id, SIZE) for kind in kinds[1:]]
    assert len({picture.size for picture in pictures}) == 1
    x, y = np.mean([(part.x, part.y) for part in where], axis=0)
    box = pictures[0].box
    reach = 0.5 * max(box.x1 - box.x0, box.y1 - box.y0)
    for other in pictures[1:]:
        # 40 grey levels: what is drawn counts, not the ringing of JPEG nor the exposure.
        difference = np.abs(pixels(other) - pixels(pictures[0])).max(axis=2)
        rows, columns = np.nonzero(difference > 40)
        assert len(rows) >= 10, "the variants cannot be told apart"
        far = np.hypot(columns - x, rows - y) > reach
        # A reflection in water or on wet sand may show the part again.
        if kinds[0].family.plan.stance in ("water", "shore"):
            far &= rows < y + 0.2 * reach
        assert not far.any()
