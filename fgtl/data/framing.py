"""Which pixels of an image are decoded, and where they come to lie in the square that the network gets. Light: NumPy.

Without --resize a window of the image is cut out and stretched to the square of S pixels. With it the whole image
becomes a square of R pixels first, whatever its aspect, and S x S pixels of that are cut out, as the plug-in paper's
program does it. Then only what the cut depends on is decoded, and resizing and cutting are one operation
(`fgtl.data.decode.place`).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fgtl.data.crops import centre_windows, random_windows
from fgtl.data.draws import uniforms
from fgtl.data.knobs import InputKnobs, ViewKnobs
from fgtl.data.many_views import CENTRE, View

Sides = NDArray[np.int32]

# Stored pixels decoded beyond the last one that counts: a JPEG's colours are smoothed across the border of a cut.
_MARGIN = 2


@dataclass(frozen=True, eq=False)
class Frames:
    """Of n images.

    Attributes:
        windows: (n, 4) int32, (top, left, height, width) of what is decoded, in pixels of the stored image.
        places: (n, 4) float32, (scale y, scale x, shift y, shift x): the point (y, x) of the window comes to lie at
            (scale y * y + shift y, scale x * x + shift x) of the square. Coordinates are continuous: pixel i covers
            [i, i + 1).
    """

    windows: NDArray[np.int32]
    places: NDArray[np.float32]


def view_frames(heights: Sides, widths: Sides, knobs: ViewKnobs, look: View = CENTRE) -> Frames:
    """What evaluation sees of images: their centre, or another view.

    With --resize the margins are R - S pixels on both axes; half of an odd number is rounded to an even one, as
    torchvision's CenterCrop does it.
    """
    if not knobs.resize:
        return _stretched(look.windows(heights, widths, knobs.eval_crop), knobs)
    return _cut(heights, widths, _corner(knobs, look), knobs)


def random_frames(keys: NDArray[np.uint64], heights: Sides, widths: Sides, knobs: InputKnobs) -> Frames:
    """What training sees of images: a random window, with --resize of the same size everywhere in the square.

    Args:
        keys: (n,) uint64, see `fgtl.data.draws`; uses some of the draws 0 ... `crops.DRAWS` - 1 of each.
        heights, widths: (n,) int32, pixels.
    """
    if not knobs.random_crop:
        return view_frames(heights, widths, knobs)
    if not knobs.resize:
        return _stretched(random_windows(keys, heights, widths, knobs), knobs)
    return _cut(heights, widths, np.floor(uniforms(keys, 0, 2) * (knobs.resize - knobs.image_size + 1)), knobs)


def shown_centre(heights: Sides, widths: Sides, knobs: ViewKnobs) -> NDArray[np.float64]:
    """What evaluation shows of each stored image.

    Returns:
        (n, 4) float64 (top, left, height, width), pixels of the stored image; with --resize seldom whole ones.
    """
    if not knobs.resize:
        return centre_windows(heights, widths, knobs.eval_crop).astype(np.float64)
    return _shown(heights, widths, _corner(knobs, CENTRE), knobs)


def _corner(knobs: ViewKnobs, look: View) -> NDArray[np.float64]:
    """(2,) (top, left) of a view in the square of R pixels."""
    return np.rint((knobs.resize - knobs.image_size) * np.array([look.vertical, look.horizontal]))


def _shown(heights: Sides, widths: Sides, corners: NDArray[np.float64], knobs: ViewKnobs) -> NDArray[np.float64]:
    """(n, 4) float64 windows of the stored images from corners, (2,) or (n, 2), of cuts in the square of R pixels."""
    scales = np.stack([heights, widths], axis=1) / knobs.resize
    return np.concatenate([corners * scales, knobs.image_size * scales], axis=1)


def _stretched(windows: NDArray[np.int32], knobs: ViewKnobs) -> Frames:
    scales = knobs.image_size / windows[:, 2:].astype(np.float64)
    return Frames(windows, np.concatenate([scales, np.zeros_like(scales)], axis=1).astype(np.float32))


def _cut(heights: Sides, widths: Sides, corners: NDArray[np.float64], knobs: ViewKnobs) -> Frames:
    sides = np.stack([heights, widths], axis=1).astype(np.float64)
    scales = knobs.resize / sides
    shown = _shown(heights, widths, corners, knobs)
    # The triangle that pixels are weighted with reaches one pixel of the coarser grid to either side.
    reach = np.maximum(1 / scales, 1) + _MARGIN
    first = np.maximum(np.floor(shown[:, :2] - reach), 0)
    last = np.minimum(np.ceil(shown[:, :2] + shown[:, 2:] + reach), sides)
    places = np.concatenate([scales, first * scales - corners], axis=1)
    return Frames(np.concatenate([first, last - first], axis=1).astype(np.int32), places.astype(np.float32))
