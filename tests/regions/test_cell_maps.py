"""Values of cells over a picture: against one pixel at a time, the published heat map, and what must not be."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fgtl.data.knobs import ViewKnobs
from fgtl.errors import InputError
from fgtl.regions.cell_maps import joined_energy, minmax, over_picture
from fgtl.regions.cells import CellGrid, CropTransform, cells_to_boxes


def whole(size: int) -> CropTransform:
    return CropTransform(np.array([[0, 0, size, size]]), size)


def slow_over_picture(values, grid, window, side, size, picture):
    """One pixel at a time: its middle's place among the middles of the cells, and the four of them around it."""
    top, left, height, width = window
    out = np.zeros(picture)
    for row in range(picture[0]):
        for column in range(picture[1]):
            y = ((row + 0.5) * size[0] / picture[0] - top) * side / height
            x = ((column + 0.5) * size[1] / picture[1] - left) * side / width
            if not (0 <= y <= side and 0 <= x <= side):
                continue
            at = []
            for place, cells in ((y, grid.grid[0]), (x, grid.grid[1])):
                middles = [(side - (cells - 1) * grid.stride) / 2 + cell * grid.stride for cell in range(cells)]
                place = min(max(place, middles[0]), middles[-1])
                low = max(cell for cell in range(cells) if middles[cell] <= place + 1e-9)
                at.append((low, min(low + 1, cells - 1), (place - middles[low]) / grid.stride))
            (r0, r1, down), (c0, c1, across) = at
            upper = values[r0, c0] * (1 - across) + values[r0, c1] * across
            lower = values[r1, c0] * (1 - across) + values[r1, c1] * across
            out[row, column] = upper * (1 - down) + lower * down
    return out


@settings(deadline=None, max_examples=30)
@given(
    st.tuples(st.integers(1, 4), st.integers(1, 4)),
    st.tuples(st.integers(8, 20), st.integers(8, 20)),
    st.tuples(st.integers(1, 24), st.integers(1, 24)),
    st.integers(0, 2**31),
)
def test_each_pixel_is_between_the_four_cells_around_it(
    cells: tuple[int, int], size: tuple[int, int], picture: tuple[int, int], seed: int
) -> None:
    draws = np.random.default_rng(seed)
    values = draws.random(cells).astype(np.float32)
    grid, side = CellGrid("tap", cells, 4), 4 * max(cells) + int(draws.integers(0, 3))
    window = (1, 2, size[0] - 3, size[1] - 5)
    found = over_picture(values, grid, CropTransform(np.array([window]), side), size, picture)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, slow_over_picture(values, grid, window, side, size, picture), atol=1e-5)


def test_the_lightest_pixels_are_those_of_the_cells_box() -> None:
    """A map and the boxes of regions must show the same cell in the same place."""
    grid, size = CellGrid("p3", (4, 4), 8), (160, 320)
    transform = CropTransform.of_view(np.array([size]), ViewKnobs(image_size=32, eval_crop=0.875))
    values = np.zeros((4, 4), np.float32)
    values[1, 3] = 1
    x0, y0, x1, y1 = cells_to_boxes(np.array([[7]]), grid, transform, np.array([size]))[0, 0]
    rows, columns = np.nonzero(over_picture(values, grid, transform, size, size) > 0.5)
    assert (y0 - 1 <= rows.min(), rows.max() <= y1) == (True, True)
    # The last column has no neighbour to the right: it stays light up to the edge of what is seen.
    assert abs(columns.min() - x0) <= 1 and abs(columns.max() + 1 - x1) <= 1


@pytest.mark.parametrize(("threshold", "name"), [(0.75, "heat_thr075_bgr_u8"), (0.0, "heat_thr0_bgr_u8")])
def test_the_published_heat_map_comes_out(shared: Path, threshold: float, name: str) -> None:
    reference = np.load(shared / "reference" / "pim_reference.npz")
    maps = []
    for number in range(1, 5):
        energy = np.maximum(reference[f"H/in/layer{number}"][0], 0).sum(-1)
        side = int(np.sqrt(len(energy)))
        grid = CellGrid(f"layer{number}", (side, side), 32 // side)
        maps.append(over_picture(minmax(energy.reshape(side, side)), grid, whole(32), (32, 32), (32, 32)))
        if number == 1:
            np.testing.assert_allclose(minmax(energy.reshape(8, 8)), reference["H/out/gradcam_layer1"], atol=1e-6)
    found = (255 * joined_energy(maps, threshold)).astype(np.uint8)
    expected = reference[f"H/out/{name}"]
    assert not expected[..., :2].any(), "blue and green"
    difference = np.abs(found.astype(int) - expected[..., 2])
    # Rounding may put a pixel on the other side of the threshold.
    beside = (expected[..., 2] == 0) != (found == 0)
    assert difference[~beside].max() <= 1
    assert np.all(np.maximum(found, expected[..., 2])[beside] <= 255 * threshold + 1)
    assert found.max() == 255 and beside.sum() <= 2


def test_of_nothing_there_is_no_energy() -> None:
    assert not joined_energy([np.zeros((2, 2), np.float32)] * 2).any()
    assert not minmax(np.full((2, 2), 3, np.float32)).any()


def test_what_does_not_fit_is_named() -> None:
    with pytest.raises(InputError, match=r"p3: values of \(2, 3\) cells of 1 images"):
        over_picture(np.zeros((2, 3), np.float32), CellGrid("p3", (3, 2), 8), whole(24), (24, 24), (24, 24))
    with pytest.raises(InputError, match="no map to join"):
        joined_energy([])
