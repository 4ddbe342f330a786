"""Against Pillow, which RandAugment was defined with. It has whole values, so results may differ by its rounding."""

from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from fgtl.data.quiet import import_tensorflow

tf = import_tensorflow()

from fgtl.data import fusing, image_ops  # noqa: E402

SIZE = 48
GREY = (128, 128, 128)


def picture(seed: int) -> np.ndarray:
    """(48, 48, 3) uint8: smooth, in a part of the range that differs between the channels, with noise."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(20, 200, (6, 6, 3)).astype(np.uint8))
    image = np.asarray(small.resize((SIZE, SIZE), Image.Resampling.BICUBIC)).astype(int)
    return np.clip(image + rng.integers(-9, 9, image.shape) + [0, 20, 40], 0, 255).astype(np.uint8)


PICTURES = [
    picture(1),
    picture(2),
    np.full((SIZE, SIZE, 3), 77, np.uint8),  # one value: nothing to stretch
    np.where(np.arange(SIZE)[:, None, None] < 20, 3, 250).astype(np.uint8) * np.ones((1, SIZE, 3), np.uint8),  # two
    np.random.default_rng(3).integers(0, 256, (SIZE, SIZE, 3)).astype(np.uint8),
]


def assert_close(name: str, argument: Any, expected: Any, tolerance: float, margin: int = 0) -> None:
    """`name`(image, argument) is `expected`(Pillow image) but for `tolerance`, outside a margin; eagerly and in tf.data."""
    operation = getattr(image_ops, name)
    arguments = () if argument is None else (np.float32(argument),)
    for image in PICTURES:
        theirs = np.asarray(expected(Image.fromarray(image))).astype(float)
        pixels = image.astype(np.float32)
        dataset = tf.data.Dataset.from_tensors(pixels).map(lambda x: operation(x, *map(tf.constant, arguments)))
        for found in (operation(tf.constant(pixels), *map(tf.constant, arguments)), next(iter(dataset))):
            assert found.shape == pixels.shape
            inner = slice(margin, SIZE - margin)
            np.testing.assert_allclose(found.numpy()[inner, inner], theirs[inner, inner], atol=tolerance)


def test_autocontrast() -> None:
    # Pillow cuts the fraction off.
    assert_close("autocontrast", None, ImageOps.autocontrast, 1)


def test_equalize() -> None:
    assert_close("equalize", None, ImageOps.equalize, 0)


@pytest.mark.parametrize("threshold", [0, 100, 255, 256])
def test_solarize(threshold: int) -> None:
    assert_close("solarize", threshold, lambda image: ImageOps.solarize(image, threshold), 0)


@pytest.mark.parametrize("bits", [4, 5, 7, 8])
def test_posterize(bits: int) -> None:
    assert_close("posterize", bits, lambda image: ImageOps.posterize(image, bits), 0)


@pytest.mark.parametrize("factor", [0.1, 0.7, 1.0, 1.6, 1.9])
@pytest.mark.parametrize(
    ("name", "enhancer", "tolerance"),
    [
        ("brightness", ImageEnhance.Brightness, 1),
        # Pillow rounds what is blended in, too.
        ("colour", ImageEnhance.Color, 2),
        ("contrast", ImageEnhance.Contrast, 2),
        ("sharpness", ImageEnhance.Sharpness, 2),
    ],
)
def test_blends(name: str, enhancer: Any, tolerance: float, factor: float) -> None:
    assert_close(name, factor, lambda image: enhancer(image).enhance(factor), tolerance)


@pytest.mark.parametrize("degrees", [-30.0, -7.5, 0.0, 21.0])
def test_rotate(degrees: float) -> None:
    # Pillow cuts the fraction off, and repeats the border by half a pixel before the filling begins.
    def expected(image: Image.Image) -> Image.Image:
        return image.rotate(degrees, Image.Resampling.BILINEAR, fillcolor=GREY)

    assert_close("rotate", degrees, expected, 1.001, margin=11)


@pytest.mark.parametrize("amount", [-0.3, -0.1, 0.0, 0.2])
@pytest.mark.parametrize("axis", ["x", "y"])
def test_shear(axis: str, amount: float) -> None:
    matrix = (1, amount, 0, 0, 1, 0) if axis == "x" else (1, 0, 0, amount, 1, 0)

    def expected(image: Image.Image) -> Image.Image:
        return image.transform(image.size, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR, fillcolor=GREY)

    assert_close(f"shear_{axis}", amount, expected, 1.001, margin=15)


@pytest.mark.parametrize("pixels", [-21, -1, 0, 13])
@pytest.mark.parametrize("axis", ["x", "y"])
def test_translate(axis: str, pixels: int) -> None:
    matrix = (1, 0, pixels, 0, 1, 0) if axis == "x" else (1, 0, 0, 0, 1, pixels)

    def expected(image: Image.Image) -> Image.Image:
        return image.transform(image.size, Image.Transform.AFFINE, matrix, fillcolor=GREY)

    assert_close(f"translate_{axis}", pixels / SIZE, expected, 0)


@pytest.mark.parametrize(("name", "argument"), [("rotate", 30.0), ("shear_x", 0.3), ("shear_y", -0.3)])
def test_what_comes_in_from_outside_is_grey(name: str, argument: float) -> None:
    moved = getattr(image_ops, name)(tf.zeros((40, 40, 3)), tf.constant(argument)).numpy()
    assert 0.05 < (moved == 128).mean() < 0.3
    assert (moved == 0).mean() > 0.6
    assert 0 <= moved.min() < moved.max() <= 128


def test_values_that_are_not_whole_stay_in_range_and_keep_their_fractions() -> None:
    image = tf.constant(np.random.default_rng(0).uniform(0, 255, (30, 30, 3)).astype(np.float32))
    for name, argument in (("brightness", 1.9), ("colour", 1.9), ("contrast", 1.9), ("sharpness", 1.9)):
        changed = getattr(image_ops, name)(image, tf.constant(argument)).numpy()
        assert 0 <= changed.min() < changed.max() <= 255
        assert (changed % 1 != 0).any()
    assert image_ops.equalize(image).numpy().max() == 255


@pytest.mark.parametrize("size", [1, 2, 3])
def test_images_of_a_few_pixels_go_through_every_operation(size: int) -> None:
    image = tf.constant(np.random.default_rng(0).uniform(0, 255, (size, size, 3)).astype(np.float32))
    for name in ("autocontrast", "equalize"):
        assert np.isfinite(getattr(image_ops, name)(image)).all()
    for name in ("rotate", "solarize", "colour", "contrast", "brightness", "sharpness", "shear_x", "translate_y"):
        changed = getattr(image_ops, name)(image, tf.constant(0.4)).numpy()
        assert changed.shape == image.shape
        assert 0 <= changed.min() <= changed.max() <= 255


def test_where_xla_cannot_be_used_the_operations_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    image = tf.constant(picture(5).astype(np.float32))
    fused = image_ops.sharpness(image, tf.constant(1.7)).numpy()
    monkeypatch.setattr(fusing, "can_fuse", lambda: False)
    np.testing.assert_allclose(image_ops.sharpness(image, tf.constant(1.7)), fused, atol=1e-3)
