import colorsys

import numpy as np
import pytest

from fgtl.data.quiet import import_tensorflow

tf = import_tensorflow()

from fgtl.data import fusing  # noqa: E402
from fgtl.data.slow_colour import ORDERS, colour_slow  # noqa: E402


def picture() -> np.ndarray:
    """(24, 31, 3) float32 in 0..255 with greys, blacks, whites and pure colours among the pixels."""
    image = np.random.default_rng(0).uniform(0, 255, (24, 31, 3)).astype(np.float32)
    image[0, :5] = [[0, 0, 0], [255, 255, 255], [128, 128, 128], [255, 0, 0], [0, 10, 200]]
    return image


def slowly_coloured(image: np.ndarray, look: np.ndarray) -> np.ndarray:
    """The slow mode one pixel at a time, on values of 0..1, with Python's own colour conversion."""
    image = image.astype(float) / 255
    _, brightness, saturation, hue, contrast, order = look.astype(float)
    for name in ORDERS[int(order)]:
        if name == "brightness":
            image = image + brightness / 255
        elif name == "contrast":
            mean = image.mean(axis=(0, 1))
            image = mean + contrast * (image - mean)
        else:
            for place in np.ndindex(image.shape[:2]):
                h, s, v = colorsys.rgb_to_hsv(*image[place])
                h, s = (h + hue, s) if name == "hue" else (h, min(saturation * s, 1))
                image[place] = colorsys.hsv_to_rgb(h % 1, s, v)
    return np.clip(image, 0, 1) * 255


@pytest.mark.parametrize("order", range(4))
def test_slow_colour_makes_the_four_changes_in_each_of_the_four_orders(order: int) -> None:
    # Values that no change takes out of 0..255, where HSV is defined.
    image = np.random.default_rng(order).uniform(90, 160, (9, 12, 3)).astype(np.float32)
    image[0, :4] = [[120, 120, 120], [150, 100, 100], [100, 150, 150], [100, 100, 150]]
    for look in ([0, 12, 1.3, 0.15, 1.2, order], [0, -12, 0.6, -0.2, 0.7, order]):
        row = np.array(look, np.float32)
        dataset = tf.data.Dataset.from_tensors((image, row)).map(colour_slow)
        for changed in (colour_slow(tf.constant(image), tf.constant(row)), next(iter(dataset))):
            np.testing.assert_allclose(changed, slowly_coloured(image, row), atol=0.02)


def by_tensorflow(image: np.ndarray, look: np.ndarray) -> np.ndarray:
    """The slow mode by the operations of tf.image, on values of 0..1."""
    unit = tf.constant(image / 255)
    for name in ORDERS[int(look[5])]:
        amount = look[["", "brightness", "saturation", "hue", "contrast"].index(name)]
        unit = getattr(tf.image, f"adjust_{name}")(unit, amount / 255 if name == "brightness" else amount)
    return tf.clip_by_value(unit, 0, 1).numpy() * 255


@pytest.mark.parametrize("order", range(4))
def test_values_that_leave_the_range_between_two_changes_are_as_in_tensorflow(order: int) -> None:
    image = np.random.default_rng(order).uniform(33, 255, (30, 30, 3)).astype(np.float32)
    for look in ([0, 32, 1.5, 0.2, 1.0, order], [0, 32, 0.5, -0.2, 0.5, order], [0, -32, 1.5, -0.1, 1.0, order]):
        row = np.array(look, np.float32)
        np.testing.assert_allclose(
            colour_slow(tf.constant(image), tf.constant(row)), by_tensorflow(image, row), atol=0.05
        )


def test_the_orders_are_the_four_of_the_original() -> None:
    initials = ["".join(name[0] for name in order) for order in ORDERS]
    assert initials == ["bshc", "sbch", "chbs", "hscb"]
    looks = [np.array([0, 20, 1.5, 0.2, 1.5, order], np.float32) for order in range(4)]
    changed = [colour_slow(tf.constant(picture()), tf.constant(look)).numpy() for look in looks]
    assert all(np.abs(changed[one] - changed[other]).max() > 1 for one in range(4) for other in range(one))
    assert all(0 <= image.min() < image.max() <= 255 for image in changed)


def test_where_xla_cannot_be_used_the_changes_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    image = tf.constant(picture())
    look = tf.constant([0, 20, 1.5, 0.2, 1.5, 2.0])
    compiled = colour_slow(image, look).numpy()
    monkeypatch.setattr(fusing, "can_fuse", lambda: False)
    np.testing.assert_allclose(colour_slow(image, look), compiled, atol=1e-3)
