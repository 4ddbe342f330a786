"""From the points that a head kept of each tap to regions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fgtl.errors import InputError
from fgtl.regions.cells import CellGrid, CropTransform, cells_to_boxes
from fgtl.regions.regions import Regions, ranks_of


@dataclass(frozen=True, eq=False)
class KeptPoints:
    """What was kept of one tap.

    Attributes:
        grid: the tap's cells.
        points: (N, s) int, which of the tap's points, its prefix tokens first.
        scores: (N, s) float, the higher the better.
    """

    grid: CellGrid
    points: NDArray[np.int64]
    scores: NDArray[np.float32]


def regions_of_points(
    levels: Sequence[KeptPoints],
    transform: CropTransform,
    ids: NDArray[np.str_],
    sizes: NDArray[np.int32],
    *,
    source: str,
    manifest_sha256: str = "",
    run: str = "",
) -> Regions:
    """Regions of the kept points of all taps, ranked by score; equal ones in the order of the taps, then as given.

    A prefix token has no place in the image and gives no region.

    Args:
        levels: one a tap; they become the regions' levels.
        transform: from the N stored images to what the network saw of them.
        ids, sizes: (N,) and (N, 2), of the images.
        source, manifest_sha256, run: see `Regions`.

    Raises:
        InputError: no tap, points and scores of different shapes, or a point that its tap does not have.
    """
    if not levels:
        raise InputError("No tap was given.", expected="what was kept of at least one.")
    columns: list[tuple[NDArray, ...]] = []
    for number, level in enumerate(levels):
        if level.points.shape != level.scores.shape or len(level.points) != len(ids):
            raise InputError(
                f"{level.grid.name}: {level.points.shape} points and {level.scores.shape} scores of {len(ids):,} images.",
                expected="(N, s) each.",
            )
        cells = level.points.astype(np.int64) - level.grid.prefix_tokens
        if (level.points < 0).any():
            raise InputError(f"{level.grid.name}: a point has the number {level.points.min()}.", expected="0 or more.")
        placed = cells >= 0
        boxes = cells_to_boxes(np.where(placed, cells, 0), level.grid, transform, sizes)[placed]
        images = np.broadcast_to(np.arange(len(ids), dtype=np.int32)[:, None], cells.shape)[placed]
        columns.append((images, level.scores[placed].astype(np.float32), boxes, np.full(len(images), number, np.int8)))
    images, scores, boxes, numbers = (np.concatenate(column) for column in zip(*columns, strict=True))
    order = np.lexsort((-scores, images))
    images = images[order]
    return Regions(
        ids=ids,
        sizes=sizes,
        images=images,
        ranks=ranks_of(images),
        boxes=boxes[order],
        scores=scores[order],
        levels=numbers[order],
        flags=np.zeros(len(images), np.uint8),
        level_names=tuple(level.grid.name for level in levels),
        source=source,
        manifest_sha256=manifest_sha256,
        run=run,
    )
