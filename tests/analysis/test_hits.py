"""Hits of regions beside baselines: hand cases, nulls, and what the notes say."""

import tracemalloc
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fgtl.analysis.hit_questions import Questions
from fgtl.analysis.hits import HitSettings, measure_hits, steps_of
from fgtl.errors import UsageError
from fgtl.regions.baselines import other_images_boxes, random_boxes
from fgtl.regions.deciding import Deciding
from fgtl.regions.regions import FALLBACK, Regions, ranks_of
from fgtl.regions.truth import Truth
from fgtl.reports.hits_rows import ALL_PARTS, DECIDING, OBJECT, PART, TRAIT, HitRow, HitsTable

SETTINGS = HitSettings((1, 2), draws=3, seed=0)
PARTS = ("beak", "left wing", "right wing")


def regions_of(boxes: list[list[list[float]]], **more: Any) -> Regions:
    images = np.repeat(np.arange(len(boxes), dtype=np.int32), [len(own) for own in boxes])
    values = {
        "ids": np.array([f"image {row}" for row in range(len(boxes))]),
        "sizes": np.full((len(boxes), 2), 100, np.int32),
        "images": images,
        "ranks": ranks_of(images),
        "boxes": np.array([box for own in boxes for box in own], np.float32).reshape(-1, 4),
        "scores": np.zeros(len(images), np.float32),
        "levels": np.full(len(images), -1, np.int8),
        "flags": np.zeros(len(images), np.uint8),
    }
    return Regions(**(values | more))


def truth_of(points: list[list[tuple[float, float] | None]], labels: list[int] | None = None) -> Truth:
    """Part points of each image, None where hidden; the object is the left half of the first image only."""
    array = np.array([[point or (np.nan, np.nan) for point in own] for own in points], float)
    objects = np.full((len(points), 1, 4), np.nan)
    objects[0, 0] = [0, 0, 50, 100]
    return Truth(PARTS[: array.shape[1]], array, objects, np.array(labels or [0] * len(points), np.int32))


def row_of(found: HitsTable, kind: str, k: int, name: str = "", level: str = "") -> HitRow:
    (row,) = [row for row in found.of(kind, level=level) if row.k == k and row.name == name]
    return row


@pytest.fixture
def hand() -> tuple[Regions, Truth]:
    """Image 0: its best box holds the beak, the second the left wing. Image 1: both boxes are beside everything."""
    regions = regions_of([[[0, 0, 10, 10], [60, 60, 80, 80]], [[0, 0, 10, 10], [20, 20, 30, 30]]])
    return regions, truth_of([[(5, 5), (70, 70), (90, 90)], [(50, 50), None, None]])


def test_part_and_object_hits_of_a_hand_case(hand: tuple[Regions, Truth]) -> None:
    found = measure_hits(*hand, SETTINGS)
    for k, hits in ((1, 1), (2, 2)):
        row = row_of(found, ALL_PARTS, k)
        assert (row.regions.value, row.images, row.points) == (hits / 4, 2, 4)
    assert row_of(found, PART, 1, "beak").regions.value == 0.5
    wing = row_of(found, PART, 2, "left wing")
    assert (wing.regions.value, wing.images) == (1.0, 1)
    assert row_of(found, PART, 2, "right wing").regions.value == 0.0
    # The object is in image 0 alone; its second box lies to the right of it.
    assert [row_of(found, OBJECT, k).regions.value for k in (1, 2)] == [1.0, 0.5]
    assert [row_of(found, OBJECT, k).points for k in (1, 2)] == [1, 2]


def test_the_deciding_part_is_covered_when_one_of_its_points_is(hand: tuple[Regions, Truth]) -> None:
    wing, beak, alone = (
        Deciding("wing", ("left wing", "right wing")),
        Deciding("beak", ("beak",)),
        Deciding("", ()),
    )
    regions, truth = hand
    found = measure_hits(regions, replace(truth, labels=np.array([0, 1], np.int32)), SETTINGS, (wing, beak, alone))
    assert [row_of(found, DECIDING, k).regions.value for k in (1, 2)] == [0.0, 0.5]
    assert row_of(found, TRAIT, 2, "wing").regions.value == 1.0
    assert row_of(found, TRAIT, 2, "beak").regions.value == 0.0
    assert "0 of 2 images do not show it; 1 classes have no look-alike." in " ".join(found.notes)


def test_the_centre_is_where_the_centre_is(hand: tuple[Regions, Truth]) -> None:
    found = measure_hits(*hand, SETTINGS)
    # Boxes of 10 and 20 pixels around (50, 50): the beak of image 1.
    assert row_of(found, PART, 1, "beak").centre.value == 0.5
    assert row_of(found, OBJECT, 1).centre.value == 0.0  # half-open: the object ends at 50


def test_gains_are_differences_on_the_same_images(hand: tuple[Regions, Truth]) -> None:
    for row in measure_hits(*hand, SETTINGS).rows:
        assert row.gain.value == pytest.approx(row.regions.value - row.random.value)
        assert row.gain.low <= row.gain.value <= row.gain.high


def test_boxes_that_cover_all_hit_everything_and_random_ones_as_well() -> None:
    regions = regions_of([[[0, 0, 100, 100]]] * 3)
    found = measure_hits(regions, truth_of([[(1, 2), (99.9, 99.9)]] * 3), HitSettings((1,), 2, 0))
    for row in found.of(ALL_PARTS, PART):
        assert row.regions.value == row.random.value == row.centre.value == 1.0
        assert row.other is not None and row.other.value == 1.0


def test_regions_that_do_not_look_at_the_image_gain_nothing_over_another_images() -> None:
    """Cells of a grid without overlap cover more than random boxes; the other baseline sees through that."""
    rng = np.random.default_rng(0)
    cells = np.array([[20 * (c % 5), 20 * (c // 5), 20 * (c % 5 + 1), 20 * (c // 5 + 1)] for c in range(25)])
    regions = regions_of([cells[rng.permutation(25)[:16]].tolist() for _ in range(600)])
    points = rng.uniform(0, 100, (600, 3, 2))
    truth = Truth(PARTS, points, np.full((600, 0, 4), np.nan), np.zeros(600, np.int32))
    row = row_of(measure_hits(regions, truth, HitSettings((16,), 5, 0)), ALL_PARTS, 16)
    assert row.gain.low > 0.1
    # Nothing is expected, with a standard error of 0.012.
    assert row.gain_over_other is not None and abs(row.gain_over_other.value) < 0.05


def test_regions_on_the_parts_gain_over_both() -> None:
    rng = np.random.default_rng(1)
    points = rng.uniform(10, 90, (80, 1, 2))
    corners = np.concatenate([points - 5, points + 5], axis=-1)
    truth = Truth(("beak",), points, np.full((80, 0, 4), np.nan), np.zeros(80, np.int32))
    row = row_of(measure_hits(regions_of(corners.tolist()), truth, HitSettings((1,), 5, 0)), ALL_PARTS, 1)
    assert row.regions.value == 1.0
    assert row.gain.low > 0.9 and row.gain_over_other is not None and row.gain_over_other.low > 0.9


def test_more_boxes_never_lower_part_hits_by_any_method() -> None:
    rng = np.random.default_rng(2)
    corners = rng.uniform(0, 80, (30, 9, 2))
    regions = regions_of(np.concatenate([corners, corners + 15], axis=-1).tolist())
    truth = Truth(PARTS, rng.uniform(0, 100, (30, 3, 2)), np.full((30, 0, 4), np.nan), np.zeros(30, np.int32))
    found = measure_hits(regions, truth, HitSettings((1, 2, 5, 9), 2, 0))
    for method in ("regions", "random", "other", "centre"):
        shares = [getattr(row, method).value for row in found.of(ALL_PARTS)]
        assert shares == sorted(shares)
        curve = [share[method] for _, share in found.curve]
        assert curve == sorted(curve)
    assert [k for k, _ in found.curve] == [1, 2, 4, 5, 8, 9]


def test_levels_are_ranked_among_themselves() -> None:
    boxes = [[[0, 0, 10, 10], [60, 60, 80, 80], [85, 85, 95, 95]]]
    levels = np.array([0, 1, 1], np.int8)
    regions = regions_of(boxes, levels=levels, level_names=("p4", "p5", "empty"))
    found = measure_hits(regions, truth_of([[(5, 5), (70, 70), (90, 90)]]), SETTINGS)
    assert found.levels == ("p4", "p5")
    assert row_of(found, ALL_PARTS, 1, level="p5").regions.value == pytest.approx(1 / 3)
    assert row_of(found, ALL_PARTS, 2, level="p5").regions.value == pytest.approx(2 / 3)
    # p4 has a single box: nothing is said of two.
    assert [row.k for row in found.of(ALL_PARTS, level="p4")] == [1]
    assert not found.of(PART, level="p5")


def test_draws_are_means_of_single_ones() -> None:
    """Of boxes that differ in number between draws too: hits and points are means, not shares."""
    rng = np.random.default_rng(3)
    corners = [rng.uniform(0, 80, (count, 2)) for count in (1, 4, 2, 3)]
    regions = regions_of([np.concatenate([own, own + 18], axis=1).tolist() for own in corners])
    truth = replace(truth_of([[(40, 40), (60, 60)]] * 4), objects=np.tile([20.0, 20, 80, 80], (4, 1, 1)))
    for method, boxes_of in (("random", random_boxes), ("other", other_images_boxes)):
        drawn = [Questions(truth, None).tallies(boxes_of(regions, 7, draw), [4]) for draw in range(5)]
        found = measure_hits(regions, truth, HitSettings((4,), 5, 7))
        for kind in (ALL_PARTS, OBJECT):
            hits, points = (sum(getattr(one[kind, "", 4], what).sum() for one in drawn) for what in ("hits", "points"))
            assert getattr(row_of(found, kind, 4), method).value == pytest.approx(hits / points)


def test_more_draws_take_no_more_memory() -> None:
    rng = np.random.default_rng(4)
    corners, points = rng.uniform(0, 80, (400, 4, 2)), rng.uniform(0, 100, (400, 12, 2))
    regions = regions_of(np.concatenate([corners, corners + 15], axis=-1).tolist())
    names = tuple(f"part {number}" for number in range(12))
    truth = Truth(names, points, np.full((400, 0, 4), np.nan), np.zeros(400, np.int32))
    peaks = []
    for draws in (2, 30):
        tracemalloc.start()
        measure_hits(regions, truth, HitSettings((1, 2, 4), draws, 0))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


def test_a_single_image_has_no_other_image() -> None:
    found = measure_hits(regions_of([[[0, 0, 10, 10]]]), truth_of([[(5, 5)]]), HitSettings((1,), 2, 0))
    assert all(row.other is None and row.gain_over_other is None for row in found.rows)
    assert "other" not in found.curve[0][1]


def test_the_same_seed_gives_the_same_table(hand: tuple[Regions, Truth]) -> None:
    assert measure_hits(*hand, SETTINGS) == measure_hits(*hand, SETTINGS)


def test_steps_are_counted_beforehand(hand: tuple[Regions, Truth]) -> None:
    regions = replace(hand[0], levels=np.array([0, 1, 0, 1], np.int8), level_names=("p4", "p5"))
    steps: list[int] = []
    measure_hits(regions, hand[1], SETTINGS, advance=steps.append)
    assert sum(steps) == steps_of(regions, SETTINGS)


def test_what_is_missing_is_said() -> None:
    regions = regions_of([[[0, 0, 10, 10], [5, 5, 8, 8]], []], flags=np.array([0, FALLBACK], np.uint8))
    found = measure_hits(regions, truth_of([[(5, 5)], [None]]), HitSettings((1, 4, 16), 2, 0))
    said = " ".join(found.notes)
    assert "k = 4, 16 is left out: no image has more than 2 regions" in said
    assert "1 of 2 images have no region" in said
    assert "1 of 2 images show no annotated part" in said and "1 of 2 images have no object box" in said
    assert ("Fallbacks", "1 boxes") in found.facts


def test_without_parts_objects_are_left_and_the_other_way_round() -> None:
    regions = regions_of([[[0, 0, 10, 10]], [[0, 0, 10, 10]]])
    found = measure_hits(regions, truth_of([[None], [None]]), HitSettings((1,), 2, 0))
    assert {row.kind for row in found.rows} == {OBJECT} and not found.curve
    assert "No part is annotated." in found.notes
    truth = replace(truth_of([[(5, 5)], [(50, 5)]]), objects=np.full((2, 0, 4), np.nan))
    assert {row.kind for row in measure_hits(regions, truth, HitSettings((1,), 2, 0)).rows} == {ALL_PARTS, PART}


@pytest.mark.parametrize(
    ("boxes", "points", "ks", "message"),
    [
        ([[], []], [[(5, 5)], [(5, 5)]], (1,), "no region"),
        ([[[0, 0, 1, 1]], []], [[(5, 5)], [(5, 5)]], (2, 3), "k is 2 or more"),
    ],
)
def test_what_cannot_be_measured_is_refused(boxes: list, points: list, ks: tuple[int, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        measure_hits(regions_of(boxes), truth_of(points), HitSettings(ks, 2, 0))


def test_images_without_annotations_are_refused() -> None:
    truth = Truth((), np.zeros((1, 0, 2)), np.full((1, 0, 4), np.nan), np.zeros(1, np.int32))
    with pytest.raises(UsageError, match="neither visible parts nor object boxes"):
        measure_hits(regions_of([[[0, 0, 1, 1]]]), truth, HitSettings((1,), 2, 0))
