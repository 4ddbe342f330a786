"""What people annotated in the images: part points and object boxes, in pixels of the stored images."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fgtl.data.example import BOX_XMAX, BOX_XMIN, BOX_YMAX, BOX_YMIN, PART_VISIBLE, PART_X, PART_Y
from fgtl.data.records import Selection


@dataclass(frozen=True, eq=False)
class Truth:
    """Annotations of N images.

    Attributes:
        part_names: of the P columns.
        points: (N, P, 2) float64, (x, y) inside the frame; NaN for a part that is hidden or not annotated.
        objects: (N, M, 4) float64, [x0, y0, x1, y1]; rows of NaN fill up where there are fewer than M.
        labels: (N,) int32.
    """

    part_names: tuple[str, ...]
    points: NDArray[np.float64]
    objects: NDArray[np.float64]
    labels: NDArray[np.int32]

    @property
    def visible(self) -> NDArray[np.bool_]:
        """(N, P) bool, whether the part is seen."""
        return ~np.isnan(self.points[..., 0])

    def take(self, rows: NDArray[np.int64]) -> "Truth":
        """The images at `rows` (any NumPy index of the first axis)."""
        return Truth(self.part_names, self.points[rows], self.objects[rows], self.labels[rows])


def read_truth(selection: Selection, advance: Callable[[int], None] = lambda images: None) -> Truth:
    """Read the annotations of every record, in order.

    Args:
        selection: N records.
        advance: called with 1 after each.

    Raises:
        BadRecord: a record cannot be read.

    Cost: each record is read whole, with its image, which is not decoded.
    """
    names = selection.records.part_names
    points = np.full((len(selection), len(names), 2), np.nan)
    boxes: list[NDArray[np.float64]] = []
    for row in range(len(selection)):
        example = selection.example(row)
        width, height = float(selection.widths[row]), float(selection.heights[row])
        x, y, visible = (np.asarray(example.get(key, ()), np.float64) for key in (PART_X, PART_Y, PART_VISIBLE))
        seen = np.flatnonzero(visible[: len(names)])
        # A point on the right or lower edge (a share of 1) is of the last pixel: boxes are half-open.
        points[row, seen, 0] = np.clip(x[seen] * width, 0, np.nextafter(width, 0))
        points[row, seen, 1] = np.clip(y[seen] * height, 0, np.nextafter(height, 0))
        sides = [np.asarray(example.get(key, ()), np.float64) for key in (BOX_XMIN, BOX_YMIN, BOX_XMAX, BOX_YMAX)]
        boxes.append(np.stack(sides, axis=1) * (width, height, width, height))
        advance(1)
    objects = np.full((len(selection), max(map(len, boxes), default=0), 4), np.nan)
    for row, found in enumerate(boxes):
        objects[row, : len(found)] = found
    return Truth(names, points, objects, selection.labels)
