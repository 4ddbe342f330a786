"""Regions hold together: order, ranks, frames; and what is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_regions import regions_of, some_regions

from fgtl.errors import InputError
from fgtl.regions.regions import MOST_RANKS, Regions, ranks_of

SEEDS = st.integers(0, 2**31)


def rows_of(regions: Regions, image: int) -> list[list[float]]:
    return regions.boxes[regions.images == image].tolist()


@settings(deadline=None)
@given(SEEDS, st.integers(0, 6))
def test_the_best_are_the_first_of_each_image(seed: int, k: int) -> None:
    regions = some_regions(seed)
    best = regions.best(k)
    for image in range(len(regions.ids)):
        assert rows_of(best, image) == rows_of(regions, image)[:k]


@settings(deadline=None)
@given(SEEDS)
def test_a_level_keeps_its_order_and_is_ranked_anew(seed: int) -> None:
    regions = some_regions(seed)
    for level in (0, 1):
        own = regions.of_level(level)
        assert (own.levels == level).all()
        assert own.boxes.tolist() == regions.boxes[regions.levels == level].tolist()
        assert own.most == np.bincount(regions.images[regions.levels == level], minlength=1).max(initial=0)


@settings(deadline=None)
@given(SEEDS)
def test_images_are_taken_in_the_order_asked_for_with_their_regions(seed: int) -> None:
    regions = some_regions(seed)
    rows = np.random.default_rng(seed).permutation(len(regions.ids))[:4]
    taken = regions.of_images(rows)
    assert taken.ids.tolist() == regions.ids[rows].tolist()
    for place, row in enumerate(rows.tolist()):
        assert rows_of(taken, place) == rows_of(regions, row)


def test_images_without_regions_are_counted_too() -> None:
    assert regions_of([[], [[0, 0, 1, 1], [0, 0, 2, 2]], []]).counts.tolist() == [0, 2, 0]


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ([-1, 0, 5, 5], "not in its image"),
        ([0, 0, 60.5, 5], "x1 <= 60"),
        ([0, 0, 5, 41], "y1 <= 40"),
        ([5, 0, 5, 5], "not in its image"),
        ([0, float("nan"), 5, 5], "not in its image"),
        ([0, 0, float("inf"), 5], "not in its image"),
    ],
)
def test_a_box_outside_its_image_is_refused_and_named(box: list[float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        regions_of([[[0, 0, 1, 1]], [[0, 0, 1, 1], box]])


def test_a_box_may_be_the_whole_image() -> None:
    assert len(regions_of([[[0, 0, 60, 40]]])) == 1


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"images": np.array([0, 2], np.int32)}, "image number 2"),
        ({"images": np.array([-1, 0], np.int32)}, "image number -1"),
        ({"images": np.array([1, 0], np.int32)}, "not in the order"),
        ({"ranks": np.array([0, 1], np.int16)}, "not in the order"),
        ({"levels": np.array([0, -1], np.int8)}, "level 0"),
        ({"levels": np.array([-2, -1], np.int8)}, "level -2"),
        ({"scores": np.array([np.nan, 0], np.float32)}, "score of image 0"),
        ({"scores": np.zeros(3, np.float32)}, r"scores has shape \(3,\)"),
        ({"ids": np.array(["a", "a"])}, "comes twice"),
        ({"sizes": np.array([[0, 5], [5, 5]], np.int32)}, "below one pixel"),
    ],
)
def test_what_does_not_hold_together_is_refused(changed: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        regions_of([[[0, 0, 1, 1]], [[0, 0, 2, 2]]], **changed)


def test_more_regions_than_ranks_are_refused() -> None:
    assert ranks_of(np.zeros(MOST_RANKS, np.int32))[-1] == MOST_RANKS - 1
    with pytest.raises(InputError, match="32,769"):
        ranks_of(np.zeros(MOST_RANKS + 1, np.int32))
