"""Kept points of several taps become regions ranked by score."""

import numpy as np
import pytest

from fgtl.data.knobs import ViewKnobs
from fgtl.errors import InputError
from fgtl.regions.cells import CellGrid, CropTransform
from fgtl.regions.kept import KeptPoints, regions_of_points

SIZES = np.array([[64, 64], [128, 64]], np.int32)
IDS = np.array(["a", "b"])
TRANSFORM = CropTransform.of_view(SIZES, ViewKnobs(image_size=64, eval_crop=1.0))


def kept(name: str, cells: int, points: list, scores: list, prefix_tokens: int = 0) -> KeptPoints:
    grid = CellGrid(name, (cells, cells), 64 // cells, prefix_tokens)
    return KeptPoints(grid, np.array(points), np.array(scores, np.float32))


def test_points_of_all_taps_are_ranked_together() -> None:
    levels = [
        kept("p4", 4, [[0, 15], [1, 2]], [[0.9, 0.5], [0.1, 0.1]]),
        kept("p5", 2, [[3], [0]], [[0.7], [0.1]]),
    ]
    regions = regions_of_points(levels, TRANSFORM, IDS, SIZES, source="plugin", run="runs/x")
    assert regions.level_names == ("p4", "p5") and regions.run == "runs/x"
    assert regions.images.tolist() == [0, 0, 0, 1, 1, 1]
    assert regions.levels.tolist() == [0, 1, 0, 0, 0, 1]  # equal ones: the shallow tap first, as given
    assert regions.scores.tolist() == np.float32([0.9, 0.7, 0.5, 0.1, 0.1, 0.1]).tolist()
    assert regions.boxes[:3].tolist() == [[0, 0, 16, 16], [32, 32, 64, 64], [48, 48, 64, 64]]
    # The second image is twice as high: its cells too.
    assert regions.boxes[3:].tolist() == [[16, 0, 32, 32], [32, 0, 48, 32], [0, 0, 32, 64]]


def test_a_class_token_gives_no_region() -> None:
    levels = [kept("block12", 2, [[0, 1], [4, 2]], [[0.9, 0.8], [0.7, 0.6]], prefix_tokens=1)]
    regions = regions_of_points(levels, TRANSFORM, IDS, SIZES, source="plugin")
    assert regions.counts.tolist() == [1, 2]
    assert regions.boxes[0].tolist() == [0, 0, 32, 32] and regions.boxes[1].tolist() == [32, 64, 64, 128]


@pytest.mark.parametrize(
    ("levels", "message"),
    [
        ([], "No tap"),
        ([kept("p5", 2, [[0], [1]], [[0.5, 0.5], [0.1, 0.1]])], "scores of 2 images"),
        ([kept("p5", 2, [[0]], [[0.5]])], "of 2 images"),
        ([kept("p5", 2, [[4], [0]], [[0.5], [0.5]])], "number 4"),
        ([kept("block1", 2, [[-1], [0]], [[0.5], [0.5]], prefix_tokens=1)], "number -1"),
    ],
)
def test_what_does_not_fit_is_refused(levels: list[KeptPoints], message: str) -> None:
    with pytest.raises(InputError, match=message):
        regions_of_points(levels, TRANSFORM, IDS, SIZES, source="plugin")
