"""Boxes that know nothing: of equal size, in the frame, the same for the same seed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_regions import regions_of, some_regions

from fgtl.errors import InputError
from fgtl.regions.baselines import centre_boxes, other_images_boxes, random_boxes
from fgtl.regions.regions import Regions

SEEDS = st.integers(0, 2**31)


def sides(regions: Regions) -> np.ndarray:
    return regions.boxes[:, 2:] - regions.boxes[:, :2]


@settings(deadline=None)
@given(SEEDS, st.integers(0, 5))
def test_random_and_centre_boxes_have_the_sizes_of_the_regions(seed: int, draw: int) -> None:
    regions = some_regions(seed)
    for made in (random_boxes(regions, seed, draw), centre_boxes(regions)):
        assert sides(made) == pytest.approx(sides(regions), abs=1e-4)
        assert made.images.tolist() == regions.images.tolist() and made.ranks.tolist() == regions.ranks.tolist()


def test_centre_boxes_have_the_middle_of_the_image() -> None:
    assert centre_boxes(regions_of([[[0, 0, 10, 20]]])).boxes.tolist() == [[25, 10, 35, 30]]


def test_random_boxes_depend_on_seed_draw_id_and_rank_only() -> None:
    regions = some_regions(1)
    boxes = random_boxes(regions, 5).boxes
    rows = np.array([3, 0])
    assert (
        random_boxes(regions.of_images(rows), 5).boxes.tolist()
        == np.concatenate([boxes[regions.images == row] for row in rows]).tolist()
    )
    assert random_boxes(regions.best(2), 5).boxes.tolist() == boxes[regions.ranks < 2].tolist()
    assert random_boxes(regions, 6).boxes.tolist() != boxes.tolist() != random_boxes(regions, 5, 1).boxes.tolist()


def test_random_boxes_are_spread_evenly_over_the_places_where_they_fit() -> None:
    regions = regions_of([[[0, 0, 10, 10]] * 2000], height=30, width=110)
    corners = random_boxes(regions, 0).boxes[:, :2] / [100, 20]
    assert np.histogram(corners[:, 0], 10, (0, 1))[0] == pytest.approx(200, abs=60)
    assert np.histogram(corners[:, 1], 10, (0, 1))[0] == pytest.approx(200, abs=60)
    assert abs(np.corrcoef(corners.T)[0, 1]) < 0.1
    assert len(np.unique(corners, axis=0)) > 1990


@settings(deadline=None)
@given(SEEDS, SEEDS)
def test_every_image_gets_the_regions_of_another_one_in_the_same_share_of_the_frame(data: int, seed: int) -> None:
    regions = some_regions(data)
    moved = other_images_boxes(regions, seed)
    assert sorted(moved.counts.tolist()) == sorted(regions.counts.tolist())

    def relative(of: Regions, image: int) -> list[list[float]]:
        height, width = of.sizes[image].tolist()
        return (of.boxes[of.images == image] / [width, height, width, height]).round(5).tolist()

    givers = []
    for image in range(len(regions.ids)):
        own = relative(moved, image)
        givers.append([other for other in range(len(regions.ids)) if relative(regions, other) == own])
        assert givers[-1] and givers[-1] != [image]


def test_another_draw_exchanges_otherwise() -> None:
    regions = some_regions(2, images=30)
    one, other = (other_images_boxes(regions, 0, draw) for draw in (0, 1))
    assert one.boxes.tolist() != other.boxes.tolist()


def test_a_single_image_has_nobody_to_exchange_with() -> None:
    with pytest.raises(InputError, match="at least 2"):
        other_images_boxes(regions_of([[[0, 0, 1, 1]]]), 0)
