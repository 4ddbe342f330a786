"""Cells of a tap in the stored image: the evaluation's crop and resize, undone exactly."""

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fgtl.data.knobs import ViewKnobs
from fgtl.data.quiet import import_tensorflow
from fgtl.errors import InputError, UsageError
from fgtl.regions.cells import CellGrid, CropTransform, cells_to_boxes

SIDES = st.integers(1, 3000)


def sizes_of(*sizes: tuple[int, int]) -> np.ndarray:
    return np.array(sizes, np.int32)


def seen_as(sizes: np.ndarray, size: int, **knobs: Any) -> CropTransform:
    return CropTransform.of_view(sizes, ViewKnobs(image_size=size, **knobs))


@settings(deadline=None)
@given(SIDES, SIDES, st.integers(1, 600), st.floats(0.01, 1), st.booleans(), st.integers(0, 2**31))
def test_there_and_back_is_the_same_place(
    height: int, width: int, size: int, share: float, legacy: bool, seed: int
) -> None:
    transform = seen_as(sizes_of((height, width)), size, eval_crop=share, legacy_resize=legacy)
    points = np.random.default_rng(seed).uniform(0, size, (1, 9, 2))
    assert transform.to_input(transform.to_stored(points)) == pytest.approx(points, abs=1e-7)
    stored = np.random.default_rng(seed).uniform(0, 1, (1, 9, 2)) * (width, height)
    assert transform.to_stored(transform.to_input(stored)) == pytest.approx(stored, abs=1e-7)


@settings(deadline=None)
@given(SIDES, SIDES, st.integers(1, 600), st.floats(0.01, 1))
def test_the_corners_of_the_input_are_the_corners_of_the_window(
    height: int, width: int, size: int, share: float
) -> None:
    transform = seen_as(sizes_of((height, width)), size, eval_crop=share)
    top, left, tall, wide = transform.windows[0].tolist()
    corners = transform.to_stored(np.array([[[0, 0], [size, size]]], float))
    assert corners[0] == pytest.approx(np.array([[left, top], [left + wide, top + tall]], float))


@pytest.mark.parametrize("more", [{}, {"legacy_resize": True}, {"resize": 61}, {"resize": 150}])
@pytest.mark.parametrize(("height", "width"), [(120, 200), (97, 55)])
def test_it_undoes_what_the_pipeline_does_to_a_picture(more: dict[str, Any], height: int, width: int) -> None:
    """In a picture whose red is x and green is y, what the network sees says where it comes from."""
    import_tensorflow()
    from fgtl.data.views import loose_batches

    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 0], pixels[..., 1] = np.arange(width), np.arange(height)[:, None]
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    knobs = ViewKnobs(image_size=48, eval_batch_size=1, eval_crop=0.875, threads=1, **more)
    seen = next(iter(loose_batches([file.getvalue()], knobs)))[0].numpy()[0]
    transform = CropTransform.of_view(sizes_of((height, width)), knobs)
    # The outermost pixels repeat the window's edge.
    inner = np.arange(3, 45)
    x, y = np.meshgrid(inner, inner)
    middles = np.stack([x, y], axis=-1).reshape(1, -1, 2) + 0.5
    stored = transform.to_stored(middles)[0] - 0.5
    # Antialiasing weights few pixels: a slope comes out a little uneven, but not moved.
    found = seen[y.ravel(), x.ravel(), :2]
    assert found == pytest.approx(stored, abs=0.1 if "resize" in more else 1e-3)
    assert np.mean(found - stored, axis=0) == pytest.approx([0, 0], abs=5e-3)


def test_the_centre_of_a_resized_image_on_a_hand_case() -> None:
    """400 x 200 made 80 x 80: the inner 64 x 64 begin at 8, which is x 40, y 20 of the stored image."""
    transform = seen_as(sizes_of((200, 400)), 64, eval_crop=0.875, resize=80)
    corners = transform.to_stored(np.array([[[0, 0], [64, 64]]], float))
    assert corners[0].tolist() == [[40, 20], [360, 180]]
    with pytest.raises(UsageError, match="--resize=60 is smaller"):
        seen_as(sizes_of((200, 400)), 64, eval_crop=0.875, resize=60)


def test_a_cell_of_a_quarter_on_a_hand_case() -> None:
    """400 x 200 at 0.5: the window is x 100 to 300, y 50 to 150; of 2 x 2 cells number 1 is the upper right."""
    sizes = sizes_of((200, 400))
    transform = seen_as(sizes, 64, eval_crop=0.5)
    boxes = cells_to_boxes(np.array([[1, 2]]), CellGrid("p5", (2, 2), 32), transform, sizes)
    assert boxes.dtype == np.float32
    assert boxes[0].tolist() == [[200, 50, 300, 100], [100, 100, 200, 150]]


@settings(deadline=None)
@given(SIDES, SIDES, st.integers(1, 9), st.sampled_from([4, 8, 16, 32]), st.floats(0.1, 1))
def test_cells_of_a_full_grid_tile_the_window(height: int, width: int, cells: int, stride: int, share: float) -> None:
    sizes = sizes_of((height, width))
    transform = seen_as(sizes, cells * stride, eval_crop=share)
    grid = CellGrid("tap", (cells, cells), stride)
    boxes = cells_to_boxes(np.arange(cells**2)[None], grid, transform, sizes)[0].reshape(cells, cells, 4)
    top, left, tall, wide = transform.windows[0].tolist()
    assert boxes[0, 0, :2].tolist() == [left, top] and boxes[-1, -1, 2:] == pytest.approx([left + wide, top + tall])
    assert boxes[:, 1:, 0].tolist() == boxes[:, :-1, 2].tolist()
    assert boxes[1:, :, 1].tolist() == boxes[:-1, :, 3].tolist()
    assert (boxes[..., 2:] <= [width, height]).all() and (boxes[..., :2] >= 0).all()


@pytest.mark.parametrize(
    ("size", "cells", "stride", "first", "last"),
    [
        # Inception without padding: cell 0 of the last map looks around pixel 37.5 of 299.
        (299, 8, 32, (21.5, 53.5), (245.5, 277.5)),
        (299, 35, 8, (9.5, 17.5), (281.5, 289.5)),
        # 15 pixels with stride 2 and padding on both sides: middles at 0.5, 2.5 ... 14.5.
        (15, 8, 2, (0, 1.5), (13.5, 15)),
    ],
)
def test_cells_lie_around_what_they_see_whatever_the_padding(
    size: int, cells: int, stride: int, first: tuple, last: tuple
) -> None:
    sizes = sizes_of((size, size))
    transform = seen_as(sizes, size, eval_crop=1.0)
    boxes = cells_to_boxes(np.array([[0, cells - 1]]), CellGrid("tap", (cells, cells), stride), transform, sizes)
    assert boxes[0, :, [0, 2]].T.tolist() == [list(first), list(last)]


def test_rows_are_rows_and_columns_are_columns() -> None:
    sizes = sizes_of((64, 64))
    transform = seen_as(sizes, 64, eval_crop=1.0)
    boxes = cells_to_boxes(np.array([[3]]), CellGrid("wide", (1, 4), 16), transform, sizes)
    assert boxes[0, 0].tolist() == [48, 24, 64, 40]


@settings(deadline=None)
@given(SIDES, SIDES, st.integers(2, 200), st.integers(0, 2**31))
def test_no_box_of_the_old_resize_leaves_the_frame(height: int, width: int, size: int, seed: int) -> None:
    sizes = sizes_of((height, width))
    transform = seen_as(sizes, size, eval_crop=1.0, legacy_resize=True)
    cells = np.random.default_rng(seed).integers(0, size**2, (1, 20))
    boxes = cells_to_boxes(cells, CellGrid("pixels", (size, size), 1), transform, sizes)
    assert (boxes >= 0).all() and (boxes[..., 2:] <= [width, height]).all()


@pytest.mark.parametrize(
    ("cells", "grid", "message"),
    [
        (np.array([[4]]), CellGrid("p5", (2, 2), 32), "number 4"),
        (np.array([[-1]]), CellGrid("p5", (2, 2), 32), "number -1"),
        (np.array([0]), CellGrid("p5", (2, 2), 32), r"\(N, s\)"),
        (np.array([[0]]), CellGrid("p5", (3, 3), 32), "input of 64 pixels"),
    ],
)
def test_cells_that_are_not_there_are_refused(cells: np.ndarray, grid: CellGrid, message: str) -> None:
    sizes = sizes_of((64, 64))
    transform = seen_as(sizes, 64, eval_crop=1.0)
    with pytest.raises(InputError, match=message):
        cells_to_boxes(cells, grid, transform, sizes)
