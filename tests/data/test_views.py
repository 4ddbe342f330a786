"""Views of an image beside its centre crop; the centre crop itself is in test_pipeline.py."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fgtl.data.bad_records import BadRecords
from fgtl.data.example import FORMAT, ID, IMAGE, encode_example
from fgtl.data.knobs import ViewKnobs
from fgtl.data.many_views import CENTRE, VIEWS, View
from fgtl.data.quiet import import_tensorflow

import_tensorflow()

from fgtl.data.views import evaluation_batches, loose_batches  # noqa: E402


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


class Records:
    """PNG files in memory, with the part of `Selection` that evaluation reads."""

    def __init__(self, images: list[np.ndarray]) -> None:
        self.files = [png(image) for image in images]
        self.labels = np.arange(len(images), dtype=np.int32)
        self.ids = np.array([f"image {row}" for row in range(len(images))])
        self.heights, self.widths = (np.array([image.shape[axis] for image in images], np.int32) for axis in (0, 1))
        self.bad = BadRecords()

    def __len__(self) -> int:
        return len(self.files)

    def payload(self, row: int) -> bytes:
        return encode_example({IMAGE: [self.files[row]], FORMAT: [b"png"], ID: [b"%d" % row]})


def knobs(**changed: Any) -> ViewKnobs:
    return ViewKnobs(**({"image_size": 8, "eval_batch_size": 4, "threads": 2} | changed))


def seen(images: list[np.ndarray], look: View, **changed: Any) -> np.ndarray:
    """(N, S, S, 3), what the model sees of the images."""
    parts = [(x.numpy(), w.numpy()) for x, _, w in evaluation_batches(Records(images), knobs(**changed), look)]
    return np.concatenate([x[w > 0] for x, w in parts])


def noise(seed: int, height: int, width: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


@pytest.mark.parametrize("look", VIEWS["ten"])
def test_a_constant_image_looks_the_same_in_every_view(look: View) -> None:
    image = np.full((31, 47, 3), (13, 99, 201), np.uint8)
    np.testing.assert_array_equal(seen([image], look), np.broadcast_to(image[0, 0], (1, 8, 8, 3)).astype(np.float32))


@pytest.mark.parametrize(
    ("look", "twin"),
    [(CENTRE, View(mirrored=True)), (View(0, 0), View(0, 1, mirrored=True)), (View(1, 1), View(1, 0, True))],
)
def test_the_mirrored_view_of_a_mirrored_image_is_the_view_of_the_image(look: View, twin: View) -> None:
    images = [noise(seed, 30 + seed, 41 - seed) for seed in range(5)]
    mirrored = [np.ascontiguousarray(image[:, ::-1]) for image in images]
    np.testing.assert_allclose(seen(mirrored, twin), seen(images, look), atol=1e-3)
    assert np.abs(seen(images, twin) - seen(images, look)).max() > 10, "the views themselves differ"


def test_a_corner_view_is_the_corner_pixel_by_pixel() -> None:
    # Crops of 8 x 8 pixels are not resized: 12 x 12 at a share of 2/3 leaves 2 pixels on each side.
    image = noise(1, 12, 12)
    for look, (top, left) in {View(0, 0): (0, 0), View(0, 1): (0, 4), View(1, 0): (4, 0), CENTRE: (2, 2)}.items():
        (crop,) = seen([image], look, eval_crop=2 / 3)
        np.testing.assert_allclose(crop, image[top : top + 8, left : left + 8], atol=1e-4)
    (flipped,) = seen([image], View(1, 1, mirrored=True), eval_crop=2 / 3)
    np.testing.assert_allclose(flipped, image[4:, 4:][:, ::-1], atol=1e-4)


@pytest.mark.parametrize("batch_size", [1, 3, 50])
def test_every_view_counts_each_image_once(batch_size: int) -> None:
    images = [noise(seed, 20, 20) for seed in range(7)]
    assert len(seen(images, View(1, 0, mirrored=True), eval_batch_size=batch_size)) == 7


def test_loose_files_are_seen_alike_in_every_view() -> None:
    images = [noise(seed, 20 + seed, 33) for seed in range(3)]
    for look in VIEWS["ten"]:
        loose = [(x.numpy(), w.numpy()) for x, w in loose_batches(Records(images).files, knobs(), look)]
        np.testing.assert_array_equal(np.concatenate([x[w > 0] for x, w in loose]), seen(images, look))
