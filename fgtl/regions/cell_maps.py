"""A number for each cell of a tap, drawn over the image: between the middles of the cells it changes evenly.

numpy only.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fgtl.errors import InputError, expect_rank
from fgtl.regions.cells import CellGrid, CropTransform

Map = NDArray[np.float32]


def over_picture(
    values: Map, grid: CellGrid, transform: CropTransform, size: tuple[int, int], picture: tuple[int, int]
) -> Map:
    """The values of one image's cells at each pixel of a picture of it.

    Bilinear between the middles of the cells (see `cells_to_boxes`); beyond the outermost ones they stay as they are.
    Where the network sees nothing there is 0.

    Args:
        values: (rows, columns) float.
        grid: the tap's.
        transform: of this one image.
        size: (height, width) of the stored image.
        picture: (height, width) of a picture of the whole of it, larger or smaller.

    Returns:
        (height, width) float32 of the picture.

    Raises:
        InputError: values of another grid, or a transform of several images.
    """
    expect_rank(values, 2, "values", "(rows, columns)")
    if values.shape != grid.grid or len(transform.windows) != 1:
        raise InputError(
            f"{grid.name}: values of {values.shape} cells of {len(transform.windows)} images.",
            expected=f"{grid.grid} cells of one image.",
        )
    # Pixel middles of the picture, as places in the stored image, as places in the network's input.
    longest = max(picture)
    steps = (np.arange(longest) + 0.5)[None, :, None]
    stored = steps * np.array([size[1] / picture[1], size[0] / picture[0]])
    places = transform.to_input(stored)[0]
    down = _weights(places[: picture[0], 1], grid.grid[0], grid.stride, transform.input_size)
    across = _weights(places[: picture[1], 0], grid.grid[1], grid.stride, transform.input_size)
    return (down @ values @ across.T).astype(np.float32)


def joined_energy(maps: Sequence[Map], threshold: float = 0.0) -> Map:
    """The energy of all levels in one map of 0 to 1: sum_l 2^(L - l) minmax(m_l), l = 1 ... L, and that by its largest value.

    With four levels the weights are the published 8, 4, 2 and 1.

    Args:
        maps: shallow to deep, of one shape, each with values of 0 to 1.
        threshold: what is smaller becomes 0 (published: 0.75).

    Raises:
        InputError: no map.
    """
    if not maps:
        raise InputError("There is no map to join.", expected="one of each level.")
    total = sum(2 ** (len(maps) - 1 - number) * one for number, one in enumerate(maps))
    shares = np.asarray(total / max(float(np.max(total)), np.finfo(np.float32).tiny), np.float32)
    return np.where(shares < threshold, np.float32(0), shares)


def minmax(values: Map) -> Map:
    """The values from 0, the smallest, to 1, the largest; 0 where all are the same."""
    low, high = float(values.min()), float(values.max())
    return ((values - low) / (high - low) if high > low else np.zeros_like(values)).astype(np.float32)


def _weights(places: NDArray[np.float64], cells: int, stride: int, size: int) -> NDArray[np.float64]:
    """(P, cells): what each cell of a line counts at each place of the input; no cell outside of it."""
    first = (size - (cells - 1) * stride) / 2
    at = np.clip((places - first) / stride, 0, cells - 1)
    near = np.maximum(0, 1 - np.abs(at[:, None] - np.arange(cells)))
    return near * ((places >= 0) & (places <= size))[:, None]
