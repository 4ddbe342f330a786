"""--max_side: how large pictures become, what they then show, and what is kept of the original."""

import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from hostile_jpegs import exif
from hypothesis import given
from hypothesis import strategies as st
from pictures import encoded, picture
from PIL import Image, ImageOps

from fgtl.data import example
from fgtl.data.example import encode_example
from fgtl.data.image_files.policy import SHRUNK, ImagePolicy, Original, StoredImage, store
from fgtl.data.image_files.shrink import fitted_size
from fgtl.datasets import Box
from fgtl.errors import UsageError
from fgtl.wire import decode_example

SMALL = ImagePolicy(max_side=20)


def opened(stored: StoredImage) -> Image.Image:
    return Image.open(io.BytesIO(stored.data))


def loudness(image: Image.Image, wanted: Image.Image) -> float:
    """Peak signal to noise ratio in decibels."""
    error = np.mean((np.asarray(image).astype(float) - np.asarray(wanted)) ** 2)
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


@given(st.integers(1, 70_000), st.integers(1, 70_000), st.integers(0, 3000))
def test_a_fitted_size_has_the_longest_side_asked_for_and_the_aspect(width: int, height: int, max_side: int) -> None:
    fitted = fitted_size(width, height, max_side)
    if not max_side or max(width, height) <= max_side:
        assert fitted == (width, height)
        return
    assert max(fitted) == max_side
    assert min(fitted) >= 1
    exact = min(width, height) * max_side / max(width, height)
    assert abs(min(fitted) - max(exact, 1)) <= 0.5
    assert fitted_size(height, width, max_side) == fitted[::-1]


def test_halves_are_rounded_up() -> None:
    assert fitted_size(8, 5, 4) == (4, 3)
    assert fitted_size(8, 3, 4) == (4, 2)
    assert fitted_size(8, 1, 4) == (4, 1)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_what_is_small_enough_keeps_its_bytes(kind: str) -> None:
    data = encoded(picture(), kind)
    for side in (0, 64, 65):
        stored = store(data, ImagePolicy(max_side=side))
        assert stored.data is data
        assert (stored.changes, stored.original, stored.is_shrunk) == ((), None, False)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize(("channels", "mode"), [(3, "RGB"), (1, "L")])
@pytest.mark.parametrize("check", ["header", "decode"])
def test_what_is_larger_becomes_a_jpeg_of_that_side(kind: str, channels: int, mode: str, check: str) -> None:
    image = picture(640, 480, channels)
    data = encoded(image, kind)
    stored = store(data, ImagePolicy(check=check, max_side=64))
    assert (stored.format, stored.width, stored.height) == ("jpeg", 64, 48)
    assert (opened(stored).format, opened(stored).mode, opened(stored).size) == ("JPEG", mode, (64, 48))
    assert (stored.oddities, stored.changes, stored.is_shrunk) == ((), (SHRUNK,), True)
    assert stored.original == Original(640, 480, hashlib.sha256(data).hexdigest())
    assert loudness(opened(stored), image.resize((64, 48), Image.Resampling.LANCZOS)) > 33
    assert store(data, ImagePolicy(check=check, max_side=64)) == stored, "the same bytes again"


def test_the_colours_are_not_subsampled() -> None:
    stored = store(encoded(picture(), "JPEG"), SMALL)
    assert [component[1:3] for component in opened(stored).layer] == [(1, 1)] * 3


@pytest.mark.parametrize("size", [(641, 479), (643, 477), (648, 485), (999, 370)])
def test_a_jpeg_decoded_at_a_part_of_its_size_is_not_shifted(size: tuple[int, int]) -> None:
    # The decoder rounds 641 / 4 up; taking all its columns for the picture would shift the right edge.
    image = Image.radial_gradient("L").resize(size, Image.Resampling.BICUBIC)
    for side in (31, 60, 150):
        shown = opened(store(encoded(image, "JPEG", quality=100), ImagePolicy(max_side=side)))
        assert loudness(shown, image.resize(shown.size, Image.Resampling.LANCZOS)) > 44


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
def test_a_rotated_image_is_shrunk_upright(kind: str, orientation: int) -> None:
    data = encoded(picture(), kind, exif=exif(orientation))
    stored = store(data, SMALL)
    assert (stored.width, stored.height) == ((15, 20) if orientation >= 5 else (20, 15))
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    assert stored.original is not None
    assert (stored.original.width, stored.original.height) == upright.size
    assert SHRUNK in stored.changes
    assert ("rotated" in stored.changes) == (orientation > 1)
    wanted = upright.resize(opened(stored).size, Image.Resampling.LANCZOS)
    assert loudness(opened(stored).convert("RGB"), wanted.convert("RGB")) > 30


@pytest.mark.parametrize("orientation", range(1, 9))
def test_points_and_boxes_land_on_what_they_mark(orientation: int) -> None:
    for x, y in ((0, 0), (60, 120), (310, 470), (100, 300)):
        marked = Image.new("L", (320, 480))
        marked.paste(255, (x, y, x + 10, y + 10))
        stored = store(encoded(marked, "JPEG", quality=95, exif=exif(orientation)), ImagePolicy(max_side=48))
        box = stored.map_box(Box(x, y, x + 10, y + 10))
        assert (box.x1 - box.x0, box.y1 - box.y0) == pytest.approx((1, 1))
        assert stored.map_point(x + 5, y + 5) == pytest.approx((box.x0 + 0.5, box.y0 + 0.5))
        shown = np.asarray(opened(stored).convert("L"))
        row, column = np.unravel_index(shown.argmax(), shown.shape)
        assert (column, row) == pytest.approx((box.x0, box.y0))
        assert shown[row, column] > 150


def test_edges_stay_edges_where_the_shorter_side_was_rounded() -> None:
    stored = store(encoded(picture(100, 33), "JPEG"), SMALL)
    assert (stored.width, stored.height) == (20, 7)
    assert stored.map_box(Box(0, 0, 100, 33)) == Box(0, 0, 20, 7)


def test_a_shrunk_image_is_not_odd_and_an_odd_one_is_both() -> None:
    assert store(encoded(picture(), "PNG"), ImagePolicy(odd="fail", max_side=20)).is_shrunk
    stored = store(encoded(picture().convert("CMYK"), "JPEG"), SMALL)
    assert (stored.format, stored.changes, opened(stored).mode) == ("jpeg", ("cmyk", SHRUNK), "RGB")
    lossless = store(encoded(picture().convert("RGBA"), "PNG"), SMALL)
    assert (lossless.format, lossless.changes) == ("jpeg", ("alpha", SHRUNK))


def test_a_reencoded_image_keeps_its_size_and_tells_its_original() -> None:
    data = encoded(picture(), "GIF")
    stored = store(data, ImagePolicy())
    assert stored.original == Original(64, 48, hashlib.sha256(data).hexdigest())
    assert not stored.is_shrunk
    assert SHRUNK not in stored.changes


@pytest.mark.parametrize("size", [(1, 60_000), (60_000, 1), (3, 2000)])
def test_a_thread_keeps_a_pixel(size: tuple[int, int]) -> None:
    for kind in ("JPEG", "PNG"):
        stored = store(encoded(Image.new("RGB", size, (200, 100, 50)), kind), ImagePolicy(max_side=100))
        assert sorted((stored.width, stored.height)) == [1, 100]
        assert np.abs(np.asarray(opened(stored)).astype(int) - (200, 100, 50)).max() <= 4


def test_a_negative_side_is_refused() -> None:
    with pytest.raises(UsageError, match="--max_side=-1"):
        ImagePolicy(max_side=-1)


def test_the_original_has_keys_in_a_record() -> None:
    features = {example.ORIGINAL_WIDTH: [640], example.ORIGINAL_HEIGHT: [480], example.ORIGINAL_SHA256: [b"ab"]}
    found = decode_example(encode_example(features))
    assert {key: list(values) for key, values in found.items()} == features
    assert sorted(features) == ["image/original/height", "image/original/sha256", "image/original/width"]


def test_photographs_look_as_if_every_pixel_had_been_filtered(shared: Path) -> None:
    paths = sorted((shared / "data/cub_50/images").glob("*/*.jpg"))[::60]
    for side in (256, 112, 64):
        found = []
        for path in paths:
            image = Image.open(path).convert("RGB")
            shown = opened(store(path.read_bytes(), ImagePolicy(max_side=side))).convert("RGB")
            found.append(loudness(shown, image.resize(shown.size, Image.Resampling.LANCZOS)))
        # With the loss of the JPEG that is written; the filter alone has a median of 49 dB and more.
        assert np.median(found) > 38.5, side
