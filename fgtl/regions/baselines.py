"""What regions are compared with: boxes of the same sizes that know nothing of the image."""

import numpy as np
from numpy.typing import NDArray

from fgtl.data.draws import id_keys, image_keys, occurrence_keys, uniforms
from fgtl.errors import InputError
from fgtl.regions.regions import Regions


def random_boxes(regions: Regions, seed: int, draw: int = 0) -> Regions:
    """Each box moved to a random place of its image, uniform over all places where it fits.

    The places depend on `seed`, `draw`, the image's id and the rank only. Boxes are placed independently of each
    other: many of them overlap, which cells of one grid never do, so they cover less (see `other_images_boxes`).
    """
    epochs = np.full(len(regions.ids), draw, np.int64)
    keys = image_keys(seed, epochs, id_keys(regions.ids))[regions.images]
    shares = uniforms(occurrence_keys(keys, regions.ranks.astype(np.int64)), 0, 2)
    sides, frames = _sides_and_frames(regions)
    return _placed(regions, shares * (frames - sides), "random boxes of equal size")


def centre_boxes(regions: Regions) -> Regions:
    """Each box moved to the middle of its image."""
    sides, frames = _sides_and_frames(regions)
    return _placed(regions, (frames - sides) / 2, "boxes of equal size in the centre")


def other_images_boxes(regions: Regions, seed: int, draw: int = 0) -> Regions:
    """Each image with the regions of another one, in the same place of the frame and as large a share of it.

    Where regions favour some places, or lie on a grid without overlap, these do so as well: what is left of the
    difference is what the regions owe to the image. The images exchange theirs in a circle, in an order that depends
    on `seed`, `draw` and the ids.

    Raises:
        InputError: there is a single image.
    """
    count = len(regions.ids)
    if count < 2:
        raise InputError(f"{count} image(s) cannot exchange regions.", expected="at least 2.")
    keys = image_keys(seed, np.full(count, draw, np.int64), id_keys(regions.ids))
    circle = np.argsort(keys, kind="stable")
    giver = np.empty(count, np.int64)
    giver[circle] = np.roll(circle, 1)
    given = regions.of_images(giver)
    ratios = (regions.sizes / given.sizes)[:, ::-1]
    boxes = given.boxes * np.tile(ratios, 2)[given.images]
    return Regions(
        ids=regions.ids,
        sizes=regions.sizes,
        images=given.images,
        ranks=given.ranks,
        boxes=_inside(boxes, regions.sizes[given.images]),
        scores=given.scores,
        levels=given.levels,
        flags=given.flags,
        level_names=regions.level_names,
        source="another image's regions",
        manifest_sha256=regions.manifest_sha256,
    )


def _sides_and_frames(regions: Regions) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(R, 2) float64 each: (width, height) of the boxes and of their images."""
    boxes = regions.boxes.astype(np.float64)
    return boxes[:, 2:] - boxes[:, :2], regions.sizes[regions.images, ::-1].astype(np.float64)


def _placed(regions: Regions, corners: NDArray[np.float64], source: str) -> Regions:
    sides, _ = _sides_and_frames(regions)
    boxes = np.concatenate([corners, corners + sides], axis=1)
    return regions.with_boxes(_inside(boxes, regions.sizes[regions.images]), source)


def _inside(boxes: NDArray[np.float64], sizes: NDArray[np.int32]) -> NDArray[np.float32]:
    """(R, 4) float32: rounding to float32 may lead an ulp out of the frame."""
    frames = np.tile(sizes[:, ::-1], 2)
    return np.clip(boxes, 0, frames).astype(np.float32)
