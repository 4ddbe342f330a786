"""Which annotated points lie in which regions. numpy only.

Part hit@k: a visible annotated part's point lies in one of the k best boxes of its image. Object hit: the middle of a
box lies in an object's box. Boxes are half-open: a point on the left or upper side is inside, on the others outside.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from fgtl.errors import InputError
from fgtl.regions.regions import Regions

# The rank of what no box holds: beyond any k.
MISSED = 2**31 - 1
# Comparisons held at a time.
_BLOCK = 4_000_000


def first_hits(regions: Regions, points: NDArray[np.float64]) -> NDArray[np.int32]:
    """The rank of the best box that holds each point; a hit@k is a rank below k.

    Args:
        regions: of N images.
        points: (N, P, 2), (x, y) in pixels of the stored images; NaN is in no box.

    Returns:
        (N, P) int32; MISSED where no box holds the point.

    Raises:
        InputError: points of another number of images.

    Cost: R x P comparisons. Memory: 4 million of them at a time (of one image, where it has more).
    """
    _expect_images(regions, len(points), "points")
    first = np.full(points.shape[:2], MISSED, np.int32)
    if not first.size:
        return first
    for images, boxes in _padded(regions, points.shape[1]):
        inside = _holds(boxes[:, :, None], points[images, None])
        hit = inside.any(axis=1)
        first[images] = np.where(hit, inside.argmax(axis=1), MISSED)
    return first


def object_hits(regions: Regions, objects: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether the middle of each box lies in one of its image's object boxes.

    Args:
        regions: R of N images.
        objects: (N, M, 4), [x0, y0, x1, y1] in pixels of the stored images; NaN fills up.

    Returns:
        (R,) bool.

    Raises:
        InputError: objects of another number of images.
    """
    _expect_images(regions, len(objects), "objects")
    boxes = regions.boxes.astype(np.float64)
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    return np.logical_or.reduce(_holds(objects[regions.images], middles[:, None]), axis=1)


def _holds(boxes: NDArray[np.floating], points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether boxes (..., 4) hold points (..., 2), broadcast."""
    x, y = points[..., 0], points[..., 1]
    return (x >= boxes[..., 0]) & (y >= boxes[..., 1]) & (x < boxes[..., 2]) & (y < boxes[..., 3])


def _padded(regions: Regions, points: int) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Images a few at a time, with their boxes (n, K, 4) by rank; NaN where an image has fewer."""
    counts = regions.counts
    ends = np.cumsum(counts)
    start = 0
    while start < len(counts):
        stop, most = start + 1, int(counts[start])
        while stop < len(counts) and (stop + 1 - start) * max(most, counts[stop]) * points <= _BLOCK:
            most = max(most, int(counts[stop]))
            stop += 1
        rows = slice(int(ends[start] - counts[start]), int(ends[stop - 1]))
        boxes = np.full((stop - start, max(most, 1), 4), np.nan, np.float32)
        boxes[regions.images[rows] - start, regions.ranks[rows]] = regions.boxes[rows]
        yield slice(start, stop), boxes
        start = stop


def _expect_images(regions: Regions, images: int, name: str) -> None:
    if images != len(regions.ids):
        raise InputError(f"{name} are of {images:,} images.", expected=f"{len(regions.ids):,}, as the regions are of.")
