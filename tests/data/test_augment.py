import colorsys
import dataclasses
from typing import Any

import numpy as np
import pytest

from fgtl.data.draws import id_keys, image_keys
from fgtl.data.knobs import InputKnobs
from fgtl.data.quiet import import_tensorflow

tf = import_tensorflow()

from fgtl.data.augment import (  # noqa: E402
    colour,
    colour_by_kernel,
    colour_fused,
    draw_augmentation,
    mirror,
)


def keys(count: int) -> np.ndarray:
    return image_keys(0, np.zeros(count, np.int64), id_keys([str(row) for row in range(count)]))


def drawn(count: int, **knobs: Any) -> Any:
    sides = np.full(count, 300, np.int32)
    return draw_augmentation(keys(count), sides, sides, InputKnobs(**knobs))


def both_ways(function: Any, *arguments: Any) -> list[np.ndarray]:
    """The result of a pipeline piece called eagerly, and of the same piece inside tf.data."""
    dataset = tf.data.Dataset.from_tensors(tuple(map(tf.constant, arguments))).map(function)
    return [function(*map(tf.constant, arguments)).numpy(), next(iter(dataset)).numpy()]


def picture(seed: int = 0) -> np.ndarray:
    """(24, 31, 3) float32 in 0..255 with greys, blacks, whites and pure colours among the pixels."""
    image = np.random.default_rng(seed).uniform(0, 255, (24, 31, 3)).astype(np.float32)
    image[0, :5] = [[0, 0, 0], [255, 255, 255], [128, 128, 128], [255, 0, 0], [0, 10, 200]]
    return image


@pytest.mark.parametrize("way", [colour, colour_fused, colour_by_kernel])
@pytest.mark.parametrize("brightness", [-32.0, 0.0, 32.0])
@pytest.mark.parametrize("saturation", [0.5, 1.0, 1.5])
def test_colour_equals_tensorflows_own_operations(way: Any, brightness: float, saturation: float) -> None:
    unit = tf.image.adjust_brightness(tf.constant(picture() / 255), brightness / 255)
    expected = tf.clip_by_value(tf.image.adjust_saturation(unit, saturation), 0, 1).numpy()
    for changed in both_ways(way, picture(), np.float32(brightness), np.float32(saturation)):
        np.testing.assert_allclose(changed / 255, expected, atol=1e-5)


@pytest.mark.parametrize("way", [colour_fused, colour_by_kernel])
def test_colour_scales_the_saturation_of_hsv(way: Any) -> None:
    # An independent road: Python's own colour conversion, one pixel at a time.
    image = picture()[:6] + 11
    expected = np.empty_like(image)
    for place in np.ndindex(image.shape[:2]):
        hue, saturation, value = colorsys.rgb_to_hsv(*image[place].astype(float))
        expected[place] = colorsys.hsv_to_rgb(hue, min(1.4 * saturation, 1), value)
    changed = way(tf.constant(picture()[:6]), tf.constant(11.0), tf.constant(1.4))
    np.testing.assert_allclose(changed, np.clip(expected, 0, 255), atol=1e-3)


@pytest.mark.parametrize("way", [colour_fused, colour_by_kernel])
def test_the_darkest_pixels_are_clipped_to_black(way: Any) -> None:
    dark = tf.constant([[[0.0, 0.0, 0.0], [20.0, 20.0, 20.0], [10.0, 0.0, 31.0], [32.0, 32.0, 32.0]]])
    assert not way(dark, tf.constant(-32.0), tf.constant(1.5)).numpy().any()


def test_where_xla_cannot_be_used_the_kernel_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fgtl.data.augment.can_fuse", lambda: False)
    changed = both_ways(colour, picture(), np.float32(5), np.float32(1.2))
    np.testing.assert_array_equal(changed[1], colour_by_kernel(tf.constant(picture()), 5.0, 1.2))


def test_black_and_white_stay_in_range() -> None:
    for shade in (0.0, 255.0):
        for brightness in (-32.0, 32.0):
            changed = colour(tf.fill((4, 4, 3), shade), brightness, 1.5).numpy()
            assert 0 <= changed.min() <= changed.max() <= 255


def test_mirroring_turns_left_to_right_only_when_told() -> None:
    for flip in (False, True):
        for turned in both_ways(mirror, picture(), flip):
            np.testing.assert_array_equal(turned, picture()[:, ::-1] if flip else picture())


def test_half_of_the_images_are_mirrored() -> None:
    assert 0.45 < drawn(1000).looks[:, 0].mean() < 0.55
    assert not drawn(1000, flip=False).looks[:, 0].any()


def test_brightness_and_saturation_fill_their_ranges_evenly() -> None:
    brightness, saturation = drawn(5000).looks[:, 1], drawn(5000).looks[:, 2]
    np.testing.assert_allclose(np.quantile(brightness, [0, 0.25, 0.5, 0.75, 1]), [-32, -16, 0, 16, 32], atol=1.5)
    np.testing.assert_allclose(np.quantile(saturation, [0, 0.25, 0.5, 0.75, 1]), [0.5, 0.75, 1, 1.25, 1.5], atol=0.02)


def test_switching_one_change_off_leaves_the_others() -> None:
    whole, without = drawn(50), drawn(50, random_crop=False)
    np.testing.assert_array_equal(whole.looks, without.looks)
    np.testing.assert_array_equal(whole.windows, drawn(50, flip=False, colour="none").windows)
    assert np.all(without.windows == without.windows[0])


def test_colour_follows_the_image_not_its_place() -> None:
    sides = np.full(20, 300, np.int32)
    forward = draw_augmentation(keys(20), sides, sides, InputKnobs())
    backward = draw_augmentation(keys(20)[::-1], sides, sides, InputKnobs())
    for field in dataclasses.fields(forward):
        np.testing.assert_array_equal(getattr(forward, field.name), getattr(backward, field.name)[::-1])


def test_slow_colour_draws_hue_contrast_and_order_and_leaves_the_other_draws() -> None:
    fast, slow = drawn(5000).looks, drawn(5000, colour="slow").looks
    np.testing.assert_array_equal(slow[:, :3], fast)
    np.testing.assert_allclose(np.quantile(slow[:, 3], [0, 0.25, 0.75, 1]), [-0.2, -0.1, 0.1, 0.2], atol=0.01)
    np.testing.assert_allclose(np.quantile(slow[:, 4], [0, 0.25, 0.75, 1]), [0.5, 0.75, 1.25, 1.5], atol=0.03)
    assert np.bincount(slow[:, 5].astype(int)).tolist() == pytest.approx([1250] * 4, rel=0.1)
