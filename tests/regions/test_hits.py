"""Which points lie in which boxes: hand cases, the definition, and what must hold of any boxes."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_regions import regions_of, some_regions

from fgtl.errors import InputError
from fgtl.regions import hits
from fgtl.regions.hits import MISSED, first_hits, object_hits
from fgtl.regions.regions import Regions

SEEDS = st.integers(0, 2**31)


def some_points(regions: Regions, seed: int, parts: int = 4) -> np.ndarray:
    """Points on whole and half pixels of the images, so that many lie on sides of boxes; some are hidden."""
    rng = np.random.default_rng(seed)
    frames = regions.sizes[:, None, ::-1]
    points = rng.integers(0, 2 * frames, (len(regions.ids), parts, 2)) / 2
    points[rng.random(points.shape[:2]) < 0.3] = np.nan
    return points


def slow_first_hits(regions: Regions, points: np.ndarray) -> np.ndarray:
    """The definition: box after box."""
    found = np.full(points.shape[:2], MISSED)
    for image, rank, (x0, y0, x1, y1) in zip(regions.images, regions.ranks, regions.boxes.tolist(), strict=True):
        for part, (x, y) in enumerate(points[image]):
            if x0 <= x < x1 and y0 <= y < y1:
                found[image, part] = min(found[image, part], rank)
    return found


def test_a_hand_case() -> None:
    regions = regions_of([[[0, 0, 10, 10], [5, 5, 20, 20], [0, 0, 60, 40]], [[0, 0, 10, 10]], []])
    points = np.array(
        [
            [[0, 0], [10, 10], [9, 20], [np.nan, np.nan]],
            [[9.99, 9.99], [10, 5], [5, 10], [50, 30]],
            [[1, 1], [2, 2], [3, 3], [4, 4]],
        ]
    )
    expected = [[0, 1, 2, MISSED], [0, MISSED, MISSED, MISSED], [MISSED] * 4]
    assert first_hits(regions, points).tolist() == expected


@pytest.mark.parametrize("block", [1, 50, 4_000_000])
def test_equals_the_definition_whatever_the_blocks(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hits, "_BLOCK", block)
    for seed in range(25):
        regions = some_regions(seed, images=9)
        points = some_points(regions, seed)
        assert first_hits(regions, points).tolist() == slow_first_hits(regions, points).tolist()


@settings(deadline=None)
@given(SEEDS)
def test_more_boxes_never_hit_less(seed: int) -> None:
    regions = some_regions(seed)
    points = some_points(regions, seed)
    first = first_hits(regions, points)
    for k in range(6):
        assert ((first_hits(regions.best(k), points) < MISSED) == (first < k)).all()


@settings(deadline=None)
@given(SEEDS)
def test_boxes_that_cover_all_hit_everything_that_is_seen(seed: int) -> None:
    regions = some_regions(seed)
    count = len(regions.ids)
    frames = [[[0, 0, int(width), int(height)]] for height, width in regions.sizes]
    whole = regions_of(frames, sizes=regions.sizes)
    points = some_points(regions, seed)
    assert (first_hits(whole, points) == np.where(np.isnan(points[..., 0]), MISSED, 0)).all()
    assert object_hits(whole, whole.boxes.reshape(count, 1, 4).astype(float)).all()


def test_images_without_parts_have_no_hits() -> None:
    regions = some_regions(0)
    assert first_hits(regions, np.zeros((7, 0, 2))).shape == (7, 0)


def test_without_parts_one_image_of_many_boxes_costs_nothing() -> None:
    regions = regions_of([[[0.0, 0.0, 9.0, 9.0]] * 2000, *([[[0.0, 0.0, 9.0, 9.0]]] * 500)])
    tracemalloc.start()
    first_hits(regions, np.zeros((501, 0, 2)))
    assert tracemalloc.get_traced_memory()[1] < 1e6
    tracemalloc.stop()


def test_the_middle_of_a_box_decides_on_the_object() -> None:
    regions = regions_of([[[0, 0, 10, 10], [10, 10, 20, 20]], [[0, 0, 4, 4]]])
    nothing = [np.nan] * 4
    objects = np.array([[[5, 5, 6, 6], [30, 30, 40, 40]], [nothing, nothing]])
    assert object_hits(regions, objects).tolist() == [True, False, False]
    objects[0, 1] = [15, 15, 15.5, 15.5]
    assert object_hits(regions, objects).tolist() == [True, True, False]
    objects[0, 1] = [14, 14, 15, 15]  # half-open
    assert object_hits(regions, objects).tolist() == [True, False, False]


def test_annotations_of_other_images_are_refused() -> None:
    regions = some_regions(0)
    with pytest.raises(InputError, match="points are of 3 images"):
        first_hits(regions, np.zeros((3, 1, 2)))
    with pytest.raises(InputError, match="objects are of 3 images"):
        object_hits(regions, np.zeros((3, 1, 4)))
