import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fgtl.data.quiet import import_tensorflow

tf = import_tensorflow()

from fgtl.data.decode import ACCURATE, FAST, decode_window, resize  # noqa: E402


def smooth_picture(height: int = 60, width: int = 80) -> np.ndarray:
    rows, columns = np.mgrid[0:height, 0:width] / 20
    return np.stack([128 + 90 * np.sin(rows + 2 * columns + phase) for phase in range(3)], -1).astype(np.uint8)


def encoded(image: np.ndarray, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, kind, **options)
    return file.getvalue()


def decoded(data: bytes, kind: str, window: tuple[int, int, int, int], dct: str = ACCURATE) -> list[np.ndarray]:
    """The window, decoded eagerly and inside tf.data."""
    inputs = (tf.constant(data), tf.constant(kind), tf.constant(window, tf.int32))
    dataset = tf.data.Dataset.from_tensors(inputs).map(lambda *item: decode_window(*item, dct=dct))
    return [decode_window(*inputs, dct=dct).numpy(), next(iter(dataset)).numpy()]


@pytest.mark.parametrize(("kind", "options"), [("jpeg", {"quality": 95, "subsampling": "4:4:4"}), ("png", {})])
def test_a_decoded_window_is_the_slice_that_pillow_sees(kind: str, options: dict[str, Any]) -> None:
    data = encoded(smooth_picture(), kind, **options)
    expected = np.asarray(Image.open(io.BytesIO(data)))[7:47, 13:63]
    for window in decoded(data, kind, (7, 13, 40, 50)):
        np.testing.assert_array_equal(window, expected)


def test_a_subsampled_window_differs_from_the_slice_at_its_border_only() -> None:
    data = encoded(smooth_picture(), "jpeg", quality=90, subsampling="4:2:0")
    whole = np.asarray(Image.open(io.BytesIO(data))).astype(int)
    window = decoded(data, "jpeg", (8, 16, 32, 48))[0].astype(int)
    difference = np.abs(window - whole[8:40, 16:64])
    assert difference[2:-2, 2:-2].max() == 0
    assert difference.max() <= 24


def test_the_fast_transform_is_close_to_the_accurate_one() -> None:
    data = encoded(smooth_picture(), "jpeg", quality=95)
    fast, accurate = (decoded(data, "jpeg", (0, 0, 60, 80), dct)[0].astype(int) for dct in (FAST, ACCURATE))
    assert np.abs(fast - accurate).mean() < 2
    assert np.abs(fast - accurate).max() <= 10


@pytest.mark.parametrize("kind", ["jpeg", "png"])
def test_grey_is_repeated_over_three_channels(kind: str) -> None:
    grey = smooth_picture()[..., 0]
    for window in decoded(encoded(grey, kind), kind, (10, 20, 30, 40)):
        assert window.shape == (30, 40, 3)
        assert np.all(window == window[..., :1])
        np.testing.assert_allclose(window[..., 0].astype(int), grey[10:40, 20:60], atol=6)


def slow_bilinear(image: np.ndarray, size: int, legacy: bool) -> np.ndarray:
    """Bilinear interpolation by its definition, one output pixel at a time."""
    out = np.zeros((size, size, 3))
    shift = 0.0 if legacy else 0.5
    for i in range(size):
        for j in range(size):
            y, x = ((place + shift) * side / size - shift for place, side in zip((i, j), image.shape[:2], strict=True))
            top, left = int(np.floor(y)), int(np.floor(x))
            for row, share_y in ((top, top + 1 - y), (top + 1, y - top)):
                for column, share_x in ((left, left + 1 - x), (left + 1, x - left)):
                    inside = np.clip(row, 0, image.shape[0] - 1), np.clip(column, 0, image.shape[1] - 1)
                    out[i, j] += share_y * share_x * image[inside]
    return out


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("size", [11, 33])
def test_resize_is_bilinear_on_the_grid_that_is_asked_for(size: int, legacy: bool) -> None:
    image = np.random.default_rng(0).integers(0, 256, (17, 29, 3)).astype(np.uint8)
    expected = slow_bilinear(image.astype(float), size, legacy)
    np.testing.assert_allclose(resize(tf.constant(image), size, legacy=legacy), expected, atol=1e-3)
    dataset = tf.data.Dataset.from_tensors(image).map(lambda item: resize(item, size, legacy=legacy))
    assert dataset.element_spec.shape == (size, size, 3)
    np.testing.assert_allclose(next(iter(dataset)), expected, atol=1e-3)


@pytest.mark.parametrize("legacy", [False, True])
def test_resize_equals_tensorflows_functions(legacy: bool) -> None:
    image = tf.constant(smooth_picture())
    theirs = (
        tf.compat.v1.image.resize_bilinear(image[None], (21, 21))[0] if legacy else tf.image.resize(image, (21, 21))
    )
    np.testing.assert_array_equal(resize(image, 21, legacy=legacy), theirs)


def test_the_two_grids_differ() -> None:
    image = tf.constant(smooth_picture())
    assert np.abs(resize(image, 21, legacy=True) - resize(image, 21, legacy=False)).max() > 1
