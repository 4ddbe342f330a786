"""Which window of an image is cut out: the centre in evaluation, a random one in training.

Windows are (n, 4) int32 rows (top, left, height, width) in pixels of the stored image, inside the frame.
"""

import numpy as np
from numpy.typing import NDArray

from fgtl.data.draws import uniforms
from fgtl.data.knobs import AugmentKnobs

ATTEMPTS = 100
DRAWS = 4 * ATTEMPTS


def centre_windows(heights: NDArray[np.int32], widths: NDArray[np.int32], share: float) -> NDArray[np.int32]:
    """The centre crop of evaluation: `share` of each side, so 0.875 keeps 76.6 % of the area.

        offset = int((n - share n) / 2),  size = n - 2 offset        for each side n

    as tf.image.central_crop has it. (375, 500) at 0.875 -> (23, 31, 329, 438).
    """
    sides = np.stack([heights, widths], axis=1)
    offsets = ((sides - share * sides) / 2).astype(np.int32)
    return np.concatenate([offsets, sides - 2 * offsets], axis=1).astype(np.int32)


def random_windows(
    keys: NDArray[np.uint64], heights: NDArray[np.int32], widths: NDArray[np.int32], knobs: AugmentKnobs
) -> NDArray[np.int32]:
    """A random window an image, distributed as tf.image.sample_distorted_bounding_box with the whole image as box.

    An attempt draws the aspect (width / height) uniformly, then the height uniformly among those whose window has
    at least `crop_min_area` of the image and fits into it, then the place. It counts when the window also covers
    `crop_min_coverage`: with the whole image as the object, that rule overrides a smaller minimal area. After 100
    failed attempts the whole image is taken.

    Args:
        keys: (n,) uint64, see `fgtl.data.draws`; uses draws 0 ... `DRAWS` - 1 of each.
        heights, widths: (n,) int32, pixels.
    """
    windows = np.stack([np.zeros_like(heights), np.zeros_like(widths), heights, widths], axis=1).astype(np.int32)
    pending = np.arange(len(keys))
    for attempt in range(ATTEMPTS):
        sides = heights[pending].astype(np.float64), widths[pending].astype(np.float64)
        found, good = _attempt(uniforms(keys[pending], 4 * attempt, 4), *sides, knobs)
        windows[pending[good]] = found[good]
        pending = pending[~good]
        if not len(pending):
            break
    return windows


def _attempt(
    draws: NDArray[np.float64], heights: NDArray[np.float64], widths: NDArray[np.float64], knobs: AugmentKnobs
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """(n, 4) windows from (n, 4) draws, and which of them count."""
    areas = heights * widths
    aspect = knobs.crop_min_aspect + draws[:, 0] * (knobs.crop_max_aspect - knobs.crop_min_aspect)
    # The tallest window of this aspect: half a pixel of width is lost or won by rounding.
    tallest = np.minimum(np.minimum(np.rint(np.sqrt(areas / aspect)), np.floor((widths + 0.5) / aspect)), heights)
    lowest = np.minimum(np.rint(np.sqrt(knobs.crop_min_area * areas / aspect)), tallest)
    height = lowest + np.floor(draws[:, 1] * (tallest - lowest + 1))
    width = np.rint(height * aspect)
    least = max(knobs.crop_min_area, knobs.crop_min_coverage) * areas
    good = (height >= 1) & (width >= 1) & (width <= widths) & (height * width >= least)
    top = np.floor(draws[:, 2] * (heights - height + 1))
    left = np.floor(draws[:, 3] * (widths - width + 1))
    return np.stack([top, left, height, width], axis=1), good
