"""What becomes of CMYK, deep, palette, transparent, animated and rotated images, and of boxes and points on them."""

import io
import struct
from dataclasses import replace

import numpy as np
import pytest
from hostile_jpegs import exif
from hypothesis import given
from hypothesis import strategies as st
from pictures import chunk, encoded, picture, png
from PIL import Image, ImageOps

from fgtl.data.image_files.headers import ODDITIES, exif_orientation
from fgtl.data.image_files.policy import BadImage, ImagePolicy, StoredImage, inspect, store
from fgtl.data.image_files.reencode import decode
from fgtl.datasets import Box

POLICY = ImagePolicy()


def pixels(stored: StoredImage) -> np.ndarray:
    """The stored image, which must be what it says: upright 8-bit RGB of this format and size."""
    image = Image.open(io.BytesIO(stored.data))
    assert (image.format, image.mode) == (stored.format.upper(), "RGB")
    assert image.size == (stored.width, stored.height)
    assert set(stored.oddities) <= set(ODDITIES)
    assert inspect(stored.data).oddities == ()
    return np.asarray(image).astype(int)


def difference(stored: StoredImage, wanted: Image.Image) -> float:
    return np.abs(pixels(stored) - np.asarray(wanted.convert("RGB")).astype(int)).mean()


def test_inks_come_out_in_the_right_colours() -> None:
    stored = store(encoded(Image.new("RGB", (16, 16), (200, 30, 60)).convert("CMYK"), "JPEG"), POLICY)
    assert np.abs(pixels(stored).mean(axis=(0, 1)) - (200, 30, 60)).max() < 4


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_a_rotated_image_is_stored_as_pillow_shows_it(kind: str, orientation: int) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encoded(picture(), kind, exif=exif(orientation), **options)
    stored = store(data, POLICY)
    assert "rotated" in stored.oddities
    assert (stored.width, stored.height) == ((48, 64) if orientation >= 5 else (64, 48))
    original = Image.open(io.BytesIO(data))
    assert difference(stored, ImageOps.exif_transpose(original)) < 2
    facts = inspect(data)
    assert (facts.width, facts.height, facts.orientation) == (64, 48, orientation)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_points_and_boxes_move_with_their_pixels(orientation: int) -> None:
    for x, y in ((0, 0), (50, 7), (63, 47), (10, 30)):
        marked = Image.new("L", (64, 48))
        marked.putpixel((x, y), 255)
        marked.getexif()[0x0112] = orientation
        upright = np.asarray(ImageOps.exif_transpose(marked))
        stored = StoredImage(b"", "jpeg", upright.shape[1], upright.shape[0], ("rotated",), orientation)
        box = stored.map_box(Box(x, y, x + 1, y + 1))
        assert upright[int(box.y0), int(box.x0)] == 255
        assert (box.x1 - box.x0, box.y1 - box.y0) == (1, 1)
        assert stored.map_point(x + 0.5, y + 0.5) == (box.x0 + 0.5, box.y0 + 0.5)


@given(st.integers(2, 8), st.floats(0, 64), st.floats(0, 48), st.floats(0, 64), st.floats(0, 48))
def test_a_mapped_box_keeps_its_area_and_stays_inside(
    orientation: int, x0: float, y0: float, x1: float, y1: float
) -> None:
    size = (48, 64) if orientation >= 5 else (64, 48)
    box = Box(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))
    mapped = StoredImage(b"", "jpeg", *size, ("rotated",), orientation).map_box(box)
    assert 0 <= mapped.x0 <= mapped.x1 <= size[0]
    assert 0 <= mapped.y0 <= mapped.y1 <= size[1]
    area = (box.x1 - box.x0) * (box.y1 - box.y0)
    assert (mapped.x1 - mapped.x0) * (mapped.y1 - mapped.y0) == pytest.approx(area, abs=1e-9)


@pytest.mark.parametrize("order", ["<", ">"])
def test_orientation_is_read_in_both_byte_orders(order: str) -> None:
    entries = struct.pack(order + "HHIHH", 0x010F, 2, 2, 0, 0) + struct.pack(order + "HHIHH", 0x0112, 3, 1, 6, 0)
    block = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(order + "IH", 8, 2) + entries
    assert exif_orientation(block) == 6
    for length in range(len(block) - 4):
        assert exif_orientation(block[:length]) == 1, "a cut block says nothing"


def test_half_transparent_pixels_are_mixed_with_white() -> None:
    stored = store(encoded(Image.new("RGBA", (4, 4), (0, 100, 200, 128)), "PNG"), POLICY)
    assert np.abs(pixels(stored) - (127, 177, 227)).max() <= 1


def test_a_transparent_colour_counts_as_alpha() -> None:
    keyed = png(2, 1, 8, 2, b"\0\x0a\x14\x1e\xc8\x64\x32", chunk(b"tRNS", struct.pack(">HHH", 10, 20, 30)))
    assert store(keyed, POLICY).oddities == ("alpha",)
    assert pixels(store(keyed, POLICY)).tolist() == [[[255, 255, 255], [200, 100, 50]]]


@pytest.mark.parametrize("kind", ["TIFF", "PPM"])
def test_16_bit_greys_are_scaled_not_clipped(kind: str) -> None:
    deep = np.linspace(0, 65535, 64 * 48).astype(np.uint16).reshape(48, 64)
    stored = store(encoded(Image.fromarray(deep), kind), POLICY)
    assert stored.format == "png"
    assert "16-bit" in stored.oddities
    assert (pixels(stored) == (deep >> 8)[..., None]).all()


def test_a_transparent_16_bit_grey_comes_out_white() -> None:
    keyed = png(2, 1, 16, 0, b"\0" + struct.pack(">2H", 1000, 1001), chunk(b"tRNS", struct.pack(">H", 1000)))
    assert store(keyed, POLICY).oddities == ("16-bit", "alpha")
    assert pixels(store(keyed, POLICY))[0, :, 0].tolist() == [255, 3]


def test_reencoding_twice_gives_the_same_bytes_without_metadata() -> None:
    data = encoded(picture(), "JPEG", exif=exif(6), comment=b"Turdus merula", icc_profile=b"x" * 500)
    stored = store(data, POLICY)
    assert stored == store(data, POLICY)
    assert b"merula" not in stored.data
    assert set(Image.open(io.BytesIO(stored.data)).info) <= {
        "jfif",
        "jfif_version",
        "jfif_unit",
        "jfif_density",
    }
    sampling = Image.open(io.BytesIO(stored.data)).layer
    assert [component[1:3] for component in sampling] == [(1, 1)] * 3, "4:4:4"


def test_arithmetic_and_12_bit_jpegs_are_odd() -> None:
    data = encoded(picture(), "JPEG")
    frame = data.index(b"\xff\xc0")
    assert inspect(data[: frame + 1] + b"\xc9" + data[frame + 2 :]).oddities == ("unusual coding",)
    assert inspect(data[: frame + 4] + b"\x0c" + data[frame + 5 :]).oddities == ("12-bit",)


def test_a_picture_of_another_size_than_its_header_said_is_refused() -> None:
    data = encoded(picture(), "JPEG")
    with pytest.raises(BadImage, match="says 65 x 48 pixels, decoded it has 64 x 48"):
        decode(data, replace(inspect(data), width=65))
