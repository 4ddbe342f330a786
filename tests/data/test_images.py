"""Which files are stored as they came, and which are refused, by what their bytes say."""

import copy
import struct
import time
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import chunk, encoded, picture, png, torn_png
from PIL import Image, ImageFile

from fgtl.data.images import BadImage, ImagePolicy, inspect, store
from fgtl.errors import DataError, UsageError

HEADER, DECODE = ImagePolicy(), ImagePolicy(check="decode")


def with_jpeg_size(data: bytes, width: int, height: int) -> bytes:
    frame = data.index(b"\xff\xc0")
    return data[: frame + 5] + struct.pack(">HH", height, width) + data[frame + 9 :]


def reason(data: bytes, policy: ImagePolicy = HEADER) -> str:
    with pytest.raises(BadImage) as caught:
        store(data, policy)
    assert caught.value.reason.endswith(".")
    assert "\n" not in caught.value.reason
    return caught.value.reason


RGB_JPEG = encoded(picture(), "JPEG", quality=90)

UNTOUCHED = {
    "RGB JPEG": (RGB_JPEG, "jpeg"),
    "progressive JPEG": (encoded(picture(), "JPEG", progressive=True), "jpeg"),
    "greyscale JPEG": (encoded(picture(channels=1), "JPEG"), "jpeg"),
    "4:4:4 JPEG with restart markers": (encoded(picture(), "JPEG", subsampling=0, restart_marker_rows=1), "jpeg"),
    "JPEG with a thumbnail's end marker in EXIF": (
        encoded(picture(), "JPEG", exif=b"Exif\0\0MM\0*" + RGB_JPEG),
        "jpeg",
    ),
    "JPEG padded with zeros": (RGB_JPEG + bytes(100), "jpeg"),
    "JPEG with a second picture behind it": (RGB_JPEG + RGB_JPEG[:300], "jpeg"),
    "JPEG with fill bytes": (RGB_JPEG[:2] + b"\xff\xff\xff" + RGB_JPEG[2:], "jpeg"),
    "RGB PNG": (encoded(picture(), "PNG"), "png"),
    "greyscale PNG": (encoded(picture(channels=1), "PNG"), "png"),
}


@pytest.mark.parametrize("policy", [HEADER, DECODE], ids=["header", "decode"])
@pytest.mark.parametrize("name", UNTOUCHED)
def test_upright_8_bit_jpeg_and_png_keep_their_bytes(name: str, policy: ImagePolicy) -> None:
    data, kind = UNTOUCHED[name]
    stored = store(data, policy)
    assert stored.data is data
    assert (stored.format, stored.width, stored.height, stored.oddities) == (kind, 64, 48, ())


def test_the_format_is_told_by_the_content(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(encoded(picture(), "PNG"))
    stored = store((tmp_path / "photo.jpg").read_bytes(), HEADER)
    assert (stored.format, stored.oddities) == ("png", ())


@pytest.mark.parametrize("name", UNTOUCHED)
@pytest.mark.parametrize("tenth", range(10))
def test_a_file_cut_anywhere_is_refused(name: str, tenth: int) -> None:
    data, _ = UNTOUCHED[name]
    whole = len(data) if "padded" not in name and "behind" not in name else len(RGB_JPEG)
    reason(data[: whole * tenth // 10])


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "BMP", "TIFF"])
@pytest.mark.parametrize("tenth", range(10))
def test_other_formats_cut_anywhere_are_refused(kind: str, tenth: int) -> None:
    data = encoded(picture(), kind)
    reason(data[: len(data) * tenth // 10])


def test_a_cut_jpeg_says_that_it_is_truncated() -> None:
    assert "truncated JPEG" in reason(RGB_JPEG[:-200])
    assert "truncated JPEG" in reason(RGB_JPEG[:100])
    assert "truncated PNG" in reason(encoded(picture(), "PNG")[:-12])


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "empty file (0 bytes)"),
        (bytes(5000), "5,000 zero bytes"),
        (b"This is not a bird.\nReally.", "text file ('This is not a bird.' ...)"),
        (b"\n<!DOCTYPE html>\n<html><body>404 Not Found", "HTML page"),
        (b"<html><head>", "HTML page"),
        (b'<?xml version="1.0"?><svg/>', "XML or SVG"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "Git LFS pointer"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        (b"%PDF-1.7\n%\xe2\xe3", "PDF"),
        (b"PK\x03\x04\x14\0", "ZIP archive"),
        (b"\x80\x04\x95\x00\x01\x02\x03\x04", "80 04 95 00"),
        (b"\xff\xd8\xff\xd9\0\0", "no image data"),
        (b"\xff\xd8\xff\xe0\x00\x00", "no image data"),
        (RGB_JPEG[:2] + b"\xff\xe0\x00\x04ab" + b"?" * 50, "should start a marker"),
        (RGB_JPEG[:2] + RGB_JPEG[RGB_JPEG.index(b"\xff\xda") :], "before its size is known"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "without a header"),
        (png(2, 2, 8, 5, b""), "colour type 5"),
        (png(0, 2, 8, 2, b""), "0 x 2 pixels"),
        (with_jpeg_size(RGB_JPEG, 64, 0), "64 x 0 pixels"),
        (png(2, 2, 8, 0, b"").replace(b"IDAT", b"iDAT"), "without image data"),
        (png(2, 2, 8, 0, b"").replace(b"\0\0\0\x02\0\0\0\x02", b"\0\0\0\x02\0\0\0\x03"), "checksum"),
    ],
)
def test_what_is_no_image_is_called_by_its_name(data: bytes, word: str) -> None:
    assert word in reason(data)


@pytest.mark.parametrize(
    "data",
    [
        with_jpeg_size(RGB_JPEG, 60_000, 60_000),
        with_jpeg_size(RGB_JPEG, 60_000, 60_000)[:700],
        png(60_000, 60_000, 8, 2, b""),
        encoded(picture(), "BMP").replace(struct.pack("<ii", 64, 48), struct.pack("<ii", 60_000, 60_000)),
        encoded(picture(), "GIF").replace(struct.pack("<HH", 64, 48), struct.pack("<HH", 60_000, 60_000)),
    ],
    ids=["JPEG", "JPEG header", "PNG", "BMP", "GIF"],
)
def test_a_huge_image_is_refused_by_its_header_with_both_numbers(data: bytes) -> None:
    started = time.perf_counter()
    text = reason(data)
    assert "60,000 x 60,000 = 3,600,000,000 pixels" in text
    assert "64,000,000" in text
    assert time.perf_counter() - started < 1


def test_max_pixels_is_inclusive_and_rules_over_pillows_own_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    bmp = encoded(picture(), "BMP")
    assert store(bmp, ImagePolicy(max_pixels=64 * 48)).width == 64
    assert Image.MAX_IMAGE_PIXELS == 10, "Pillow's own limit is put back"
    assert "allows 3,071" in reason(bmp, ImagePolicy(max_pixels=64 * 48 - 1))
    assert "allows 3,071" in reason(RGB_JPEG, ImagePolicy(max_pixels=64 * 48 - 1))


def test_check_decode_finds_what_the_header_does_not_show() -> None:
    tables = RGB_JPEG.index(b"\xff\xdb")
    without_tables = RGB_JPEG[:tables] + RGB_JPEG[RGB_JPEG.index(b"\xff\xc0") :]
    assert store(without_tables, HEADER).data is without_tables
    assert "cannot be decoded" in reason(without_tables, DECODE)
    few_rows = png(64, 48, 8, 2, picture().tobytes()[:500])
    assert store(few_rows, HEADER).data is few_rows
    assert "cannot be decoded" in reason(few_rows, DECODE)
    assert not ImageFile.LOAD_TRUNCATED_IMAGES


def test_check_decode_is_as_strict_with_a_png_as_tensorflow() -> None:
    # Pillow stops at the last row, and pads one that is too short.
    torn = torn_png(picture())
    assert store(torn, HEADER).data is torn
    reason(torn, DECODE)
    whole = png(64, 48, 8, 2, b"".join(b"\0" + bytes(64 * 3) for _ in range(48)))
    assert store(whole, DECODE).data is whole
    checksum = bytearray(whole)
    checksum[-14] ^= 1  # of the image data: the end chunk has 12 bytes
    assert "checksum of its image data" in reason(bytes(checksum), DECODE)
    header, data = whole[:33], zlib.compress(bytes(193 * 48))
    endless = header + chunk(b"IDAT", data[:-6]) + chunk(b"IEND", b"")
    reason(endless, DECODE)


def test_a_png_that_goes_on_behind_its_last_row_is_whole_and_costs_no_memory() -> None:
    # 256 MiB of zeros behind four pixels; TensorFlow's decoder only warns of them.
    stream = zlib.compressobj()
    rows = (
        stream.compress(bytes(2 * 7)) + b"".join(stream.compress(bytes(1 << 20)) for _ in range(256)) + stream.flush()
    )
    bomb = png(2, 2, 8, 2, b"")[:33] + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    tracemalloc.start()
    try:
        assert store(bomb, DECODE).data is bomb
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


def test_odd_fail_refuses_what_would_be_reencoded() -> None:
    assert "gif" in reason(encoded(picture(), "GIF"), ImagePolicy(odd="fail"))
    assert store(RGB_JPEG, ImagePolicy(odd="fail")).data is RGB_JPEG


def test_bad_images_are_data_errors_that_travel_between_processes() -> None:
    error = copy.deepcopy(BadImage("It is a stone."))  # rebuilt as between processes
    assert isinstance(error, DataError)
    assert (error.reason, str(error), error.exit_code) == ("It is a stone.", "It is a stone.", 3)


def test_a_policy_refuses_unknown_words() -> None:
    with pytest.raises(UsageError, match="--odd=ignore"):
        ImagePolicy(odd="ignore")


SEEDS = [RGB_JPEG, *(encoded(picture(), kind) for kind in ("PNG", "GIF", "WEBP", "BMP", "TIFF", "PPM"))]


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=200), st.sampled_from([b"", *(seed[:12] for seed in SEEDS), b"\xff\xd8\xff\xe1"]))
def test_garbage_is_a_bad_image_and_nothing_else(garbage: bytes, start: bytes) -> None:
    with pytest.raises(BadImage):
        store(start + garbage, DECODE)


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_damage_is_survived_or_a_bad_image_and_nothing_else(draws: st.DataObject) -> None:
    data = bytearray(draws.draw(st.sampled_from(SEEDS)))
    for _ in range(draws.draw(st.integers(1, 4))):
        data[draws.draw(st.integers(0, min(len(data) - 1, 400)))] = draws.draw(st.integers(0, 255))
    cut = bytes(data[: draws.draw(st.integers(0, len(data)))])
    try:
        stored = store(cut, ImagePolicy(check="decode", max_pixels=1_000_000))
    except BadImage:
        return
    assert stored.width * stored.height > 0


def test_a_header_costs_less_than_60_microseconds() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(noise).resize((500, 375)), "JPEG", quality=90)
    assert len(data) > 40_000
    times = []
    for _ in range(50):
        started = time.perf_counter()
        for _ in range(20):
            inspect(data)
        times.append((time.perf_counter() - started) / 20)
    assert min(times) < 60e-6


def test_every_real_photograph_is_stored_as_it_came(shared: Path) -> None:
    paths = sorted((shared / "data/cub_50/images").glob("*/*.jpg"))
    assert len(paths) == 2889
    for path in paths:
        data = path.read_bytes()
        assert store(data, HEADER).data is data, path
