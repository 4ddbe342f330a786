"""Where a cell of a feature map lies in the stored image: the evaluation's crop and resize, undone.

Coordinates are continuous: pixel i covers [i, i + 1), its middle is i + 0.5. x goes right, y down.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fgtl.data.framing import shown_centre
from fgtl.data.knobs import ViewKnobs
from fgtl.errors import InputError, expect_rank


@dataclass(frozen=True)
class CellGrid:
    """The cells of one tap.

    Attributes:
        name: of the tap.
        grid: (rows, columns).
        stride: input pixels from one cell to the next.
        prefix_tokens: points before the grid that have no place, such as a class token.
    """

    name: str
    grid: tuple[int, int]
    stride: int
    prefix_tokens: int = 0


@dataclass(frozen=True, eq=False)
class CropTransform:
    """From stored images to what a network sees: a window is cut out and made a square, whatever its aspect.

    Attributes:
        windows: (N, 4) int32 or float64, (top, left, height, width) in pixels of each stored image; with --resize
            seldom whole ones.
        input_size: S, side of the square.
        legacy_resize: the grid of TensorFlow 1, where the middle of pixel 0 stays (see `fgtl.data.decode.resize`).
    """

    windows: NDArray[np.int32] | NDArray[np.float64]
    input_size: int
    legacy_resize: bool = False

    @classmethod
    def of_view(cls, sizes: NDArray[np.int32], view: ViewKnobs) -> "CropTransform":
        """What evaluation does to images.

        Args:
            sizes: (N, 2), (height, width) of each stored image, pixels.
            view: how evaluation sees them, such as `Run.view_knobs()`.

        Raises:
            UsageError: --resize is smaller than --image_size.
        """
        view.check_resize()
        return cls(shown_centre(sizes[:, 0], sizes[:, 1], view), view.image_size, view.legacy_resize)

    def to_stored(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """(N, P, 2) points (x, y) of the inputs -> the same places in the stored images."""
        expect_rank(points, 3, "points", "(N, P, 2)")
        corners, scales, fixed = self._parts()
        return corners + fixed + (points - fixed) * scales

    def to_input(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """(N, P, 2) points (x, y) of the stored images -> the same places in the inputs, perhaps outside them."""
        expect_rank(points, 3, "points", "(N, P, 2)")
        corners, scales, fixed = self._parts()
        return fixed + (points - corners - fixed) / scales

    def _parts(self) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
        """Upper left corner and stored pixels an input pixel, (N, 1, 2) each; the place that resizing leaves alone."""
        corners = self.windows[:, None, 1::-1].astype(np.float64)
        scales = self.windows[:, None, :1:-1].astype(np.float64) / self.input_size
        return corners, scales, 0.5 if self.legacy_resize else 0.0


def cells_to_boxes(
    cells: NDArray[np.int64], grid: CellGrid, transform: CropTransform, sizes: NDArray[np.int32]
) -> NDArray[np.float32]:
    """The stride cell of each cell of a tap, in pixels of the stored images.

    The cell in column c is the stretch of one stride around the middle of what it sees. A network that treats both
    sides alike has its middles symmetrically in the input of S pixels, whatever its padding:

        middle(c) = (S - (columns - 1) stride) / 2 + c stride

    What of it lies outside the input is cut off. With S = columns * stride the cells tile the input; without padding
    (Inception at 299 px: 8 columns of 32) the border belongs to no cell.

    The boxes do not follow padding on one side (`same` at stride 2 pads an even map at its end only). By the graph it
    moves the middles by up to half a cell, at p5 of 224 pixels by +0.48 cells (MobileNetV2, EfficientNet), -0.48
    (ResNet-50) and -0.33 (InceptionV3), and fresh kernels do look there. Trained ones lean the other way and make up
    for it, each network by its own amount. Measured at 448 pixels, centroid of the gradient at p3, p4, p5, both axes
    alike, in cells (a spot that is moved over photographs says the same at p3 and p4):

        fresh ResNet-50                -0.44 -0.49 -0.50    graph -0.44 -0.47 -0.48
        MobileNetV2, ImageNet          +0.27 +0.14 +0.20    graph +0.44 +0.47 +0.48
        MobileNetV2, iNaturalist birds +0.20 +0.13 +0.16    graph +0.44 +0.47 +0.48
        EfficientNet-Lite0, ImageNet   +0.01 +0.08 +0.08    graph +0.44 +0.47 +0.48

    Args:
        cells: (N, s) int, row-major in the grid of `grid`, prefix tokens not counted.
        grid: the tap's.
        transform: of the same N images.
        sizes: (N, 2) int32, (height, width) of the stored images.

    Returns:
        (N, s, 4) float32 [x0, y0, x1, y1], half-open, inside the frame.

    Raises:
        InputError: a cell outside the grid, or a grid that does not fit the input.
    """
    expect_rank(cells, 2, "cells", "(N, s)")
    rows, columns = grid.grid
    size, stride = transform.input_size, grid.stride
    if (max(rows, columns) - 1) * stride >= size or min(rows, columns) < 1:
        raise InputError(
            f"{grid.name} has {rows} x {columns} cells of {stride} pixels.",
            expected=f"a grid whose cells have their middles in an input of {size} pixels.",
        )
    if cells.size and not 0 <= cells.min() <= cells.max() < rows * columns:
        raise InputError(
            f"A cell of {grid.name} has the number {cells.min() if cells.min() < 0 else cells.max()}.",
            expected=f"0 to {rows * columns - 1}: {rows} x {columns} cells, row by row.",
        )
    places = np.stack([cells % columns, cells // columns], axis=-1)
    margins = (size - (np.array([columns, rows]) - 1) * stride) / 2
    middles = margins + places * float(stride)
    corners = [np.clip(middles + half, 0, size) for half in (-stride / 2, stride / 2)]
    # Half a pixel of the old resize grid may lead out of the frame.
    frames = sizes[:, None, ::-1].astype(np.float64)
    stored = [np.clip(transform.to_stored(corner), 0, frames) for corner in corners]
    return np.concatenate(stored, axis=-1).astype(np.float32)
