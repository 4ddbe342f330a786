"""Blur and sharpening: torchvision's and Pillow's of that name, drawn by image."""

from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from fgtl.data.draws import id_keys, image_keys
from fgtl.data.knobs import InputKnobs
from fgtl.data.quiet import import_tensorflow

tf = import_tensorflow()

from fgtl.data.changes import changes_of  # noqa: E402
from fgtl.data.focus import blur, draw_blurs, draw_sharpenings, sharpen  # noqa: E402

KEYS = image_keys(0, np.zeros(5000, np.int64), id_keys([str(row) for row in range(5000)]))


def picture(side: int = 9) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (side, side, 3)).astype(np.float32)


def in_a_pipeline(function: Any, *arguments: Any) -> np.ndarray:
    return next(iter(tf.data.Dataset.from_tensors(tuple(map(tf.constant, arguments))).map(function))).numpy()


def slow_blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """One pixel at a time, the 25 weights at once, the border mirrored without repeating it."""
    side, blurred = len(image), np.zeros_like(image, np.float64)

    def mirrored(place: int) -> int:
        place = abs(place)
        return place if place < side else 2 * (side - 1) - place

    around = [(dy, dx, np.exp(-(dy**2 + dx**2) / (2 * sigma**2))) for dy in range(-2, 3) for dx in range(-2, 3)]
    total = sum(weight for *_, weight in around)
    for y, x in np.ndindex(side, side):
        blurred[y, x] = sum(w * image[mirrored(y + dy), mirrored(x + dx)] for dy, dx, w in around) / total
    return blurred


@pytest.mark.parametrize("sigma", [0.1, 0.7, 5.0])
def test_the_blur_is_a_gauss_over_5_by_5_pixels(sigma: float) -> None:
    expected = slow_blur(picture(), sigma)
    np.testing.assert_allclose(in_a_pipeline(blur, picture(), np.float32(sigma)), expected, atol=1e-3)
    assert (np.abs(expected - picture()).max() > 10) == (sigma > 0.1)


def test_what_is_not_drawn_stays_bit_for_bit() -> None:
    np.testing.assert_array_equal(in_a_pipeline(blur, picture(), np.float32(0)), picture())
    np.testing.assert_array_equal(in_a_pipeline(sharpen, picture(), False), picture())


def test_images_smaller_than_the_blur_stay() -> None:
    np.testing.assert_array_equal(blur(tf.constant(picture(2)), tf.constant(3.0)), picture(2))


def test_sharpening_is_pillows_by_a_factor_of_one_and_a_half() -> None:
    expected = ImageEnhance.Sharpness(Image.fromarray(picture().astype(np.uint8))).enhance(1.5)
    assert np.abs(in_a_pipeline(sharpen, picture(), True) - np.asarray(expected)).max() <= 1.01


def test_sigmas_fill_their_range_in_a_share_of_the_images() -> None:
    sigmas = draw_blurs(KEYS, 0.4)
    blurred = sigmas[sigmas > 0]
    assert len(blurred) / len(KEYS) == pytest.approx(0.4, abs=0.02)
    np.testing.assert_allclose(np.quantile(blurred, [0, 0.25, 0.5, 0.75, 1]), [0.1, 1.325, 2.55, 3.775, 5], atol=0.15)
    fewer = draw_blurs(KEYS, 0.1)
    np.testing.assert_array_equal(fewer[fewer > 0], sigmas[fewer > 0])


def test_sharpening_is_drawn_apart_from_the_blur() -> None:
    sharpened, blurred = draw_sharpenings(KEYS, 0.5), draw_blurs(KEYS, 0.5) > 0
    assert sharpened.mean() == pytest.approx(0.5, abs=0.03)
    assert (sharpened & blurred).mean() == pytest.approx(0.25, abs=0.03)
    assert not draw_sharpenings(KEYS, 0.0).any()


def test_they_come_blur_first_before_randaugment_and_only_when_asked_for() -> None:
    assert changes_of(InputKnobs()) == ()
    changes = changes_of(InputKnobs(blur=0.1, sharpen=0.1, randaugment_layers=1, erasing=0.1))
    assert [change.apply for change in changes[:2]] == [blur, sharpen]
    assert len(changes) == 4
