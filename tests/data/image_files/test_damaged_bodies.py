"""What --check=decode finds: as much as a decoder that stops at its first warning, and all that TensorFlow refuses."""

import io
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hostile_jpegs import BODY, JPEG, PICTURE, PROGRESSIVE, RESTARTS
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import encoded, torn_png
from PIL import Image, ImageFile

from fgtl.data.image_files.jpeg_markers import read_stretches
from fgtl.data.image_files.policy import BadImage, ImagePolicy, inspect, store
from fgtl.data.image_files.reencode import decode

DECODE = ImagePolicy(check="decode")


def is_refused(data: bytes, policy: ImagePolicy = DECODE) -> bool:
    try:
        store(data, policy)
    except BadImage:
        return True
    return False


def pillow_refuses(data: bytes) -> bool:
    try:
        Image.open(io.BytesIO(data)).load()
    except (OSError, SyntaxError):
        return True
    return False


def tensorflow_refuses(data: bytes) -> bool:
    facts = inspect(data)
    try:
        if facts.format == "png":
            tf.io.decode_png(data, channels=3)
        else:
            tf.io.decode_and_crop_jpeg(data, [0, 0, facts.height, facts.width], channels=3)
    except tf.errors.InvalidArgumentError:
        return True
    return False


def photograph(**options: Any) -> bytes:
    """A JPEG with something in every block."""
    noise = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    return encoded(Image.fromarray(noise).resize((320, 240), Image.Resampling.BICUBIC), "JPEG", quality=85, **options)


CODINGS = {
    "sequential": {},
    "own tables": {"optimize": True},
    "restarts": {"restart_marker_rows": 1},
    "many restarts": {"restart_marker_blocks": 3},
    "progressive": {"progressive": True},
}


def damaged(data: bytes, draw: random.Random) -> bytes:
    """The JPEG with its coded pixels damaged in one place; its header and end are whole."""
    start, end = data.index(b"\xff\xda") + 14, len(data) - 2
    at, body = draw.randrange(start, end), bytearray(data)
    kind = draw.choice(["bit", "bit", "byte", "zeros", "cut", "hole", "marker"])
    if kind == "bit":
        body[at] ^= 1 << draw.randrange(8)
    elif kind == "byte":
        body[at] = draw.randrange(256)
    elif kind == "zeros":
        length = min(500, end - at)
        body[at : at + length] = bytes(length)
    elif kind == "cut":
        del body[at:end]
    elif kind == "hole":
        del body[at : min(at + 300, end)]
    else:
        body[at : at + 2] = bytes((0xFF, draw.choice((0xC4, 0xD0, 0xD3, 0xD9, 0xE0))))
    return bytes(body)


@pytest.mark.parametrize("coding", CODINGS)
def test_damage_to_coded_pixels_is_found_as_by_a_decoder_that_does_not_forgive(coding: str) -> None:
    simplejpeg = pytest.importorskip("simplejpeg", reason="the strict decoder is in the extra `dev`")

    def strict_refuses(data: bytes) -> bool:
        try:
            simplejpeg.decode_jpeg(data, strict=True)
        except ValueError:
            return True
        return False

    whole, draw = photograph(**CODINGS[coding]), random.Random(7)
    assert not is_refused(whole)
    files = [damaged(whole, draw) for _ in range(200)]
    ours, strict, lenient = (
        np.array([refuses(data) for data in files]) for refuses in (is_refused, strict_refuses, pillow_refuses)
    )
    assert strict.sum() > 100
    assert not (lenient & ~ours).any(), "what a full decode by Pillow refuses"
    assert not (ours & ~strict).any(), "nothing is refused that even the strict decoder accepts"
    # Where a stretch ends within 8 bytes of where it should is not found, and here a stretch is hardly longer.
    share = 0.9 if coding == "many restarts" else 0.97
    assert (ours & strict).sum() >= share * strict.sum()
    assert lenient.sum() < 0.3 * strict.sum(), "a full decode alone finds little"


@pytest.mark.parametrize("coding", CODINGS)
def test_what_passes_is_decoded_by_tensorflow(coding: str) -> None:
    whole, draw = photograph(**CODINGS[coding]), random.Random(8)
    files = [damaged(whole, draw) for _ in range(150)]
    headers = [bytearray(whole) for _ in range(150)]
    for header in headers:
        header[draw.randrange(2, whole.index(b"\xff\xda") + 14)] ^= 1 << draw.randrange(8)
    passed = [
        data for data in (*files, *map(bytes, headers)) if not is_refused(data, ImagePolicy("fail", check="decode"))
    ]
    assert len(passed) > 20
    assert not any(map(tensorflow_refuses, passed))


def test_flipped_bits_that_are_valid_code_are_not_found() -> None:
    # The limit of what can be known: a wrong colour in one place is a picture too.
    found = [is_refused(JPEG[:at] + bytes((JPEG[at] ^ 1,)) + JPEG[at + 1 :]) for at in range(BODY, len(JPEG) - 2)]
    assert 0.05 < np.mean(found) < 0.9


def test_the_check_is_not_fooled_by_where_the_last_byte_lies() -> None:
    # Whole files of many lengths and contents: how many bits of the last byte are used differs from one to the next.
    draw = np.random.default_rng(3)
    for number in range(150):
        width, height = draw.integers(1, 70, 2)
        image = Image.fromarray(draw.integers(0, 256, (height, width, 3), dtype=np.uint8))
        options = list(CODINGS.values())[number % len(CODINGS)]
        data = encoded(image, "JPEG", quality=int(draw.integers(20, 96)), subsampling=number % 3, **options)
        assert store(data, DECODE).data is data, (number, width, height)


def test_stretches_are_what_lies_between_markers() -> None:
    assert [data for data in (JPEG,) if len(read_stretches(data)) == 1] == [JPEG]
    (stretch,) = read_stretches(JPEG)
    assert (stretch.start, stretch.end) == (BODY, len(JPEG) - 2)
    assert len(read_stretches(RESTARTS)) == 6, "48 rows of pixels are six rows of blocks"
    assert len(read_stretches(PROGRESSIVE)) == PROGRESSIVE.count(b"\xff\xda")
    filled = JPEG[:-2] + b"\xff\xff" + JPEG[-2:]
    assert read_stretches(filled) == read_stretches(JPEG)


@pytest.mark.parametrize("data", [JPEG, PROGRESSIVE, RESTARTS], ids=["sequential", "progressive", "restarts"])
def test_the_strict_decoder_sees_the_same_pixels(data: bytes) -> None:
    facts = inspect(data)
    strict, lenient = (decode(data, facts, strict=strict).image for strict in (True, False))
    assert (np.asarray(strict) == np.asarray(lenient)).all()
    small = decode(data, facts, at_least=(8, 6))
    assert (small.image.size, small.size, small.box) == ((8, 6), (64, 48), (0, 0, 8, 6))


def test_damage_is_refused_in_what_is_reencoded_too() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    rotated = encoded(PICTURE, "JPEG", exif=exif)
    torn = rotated[:-200] + b"\xff\xd9"
    assert not is_refused(torn, ImagePolicy())
    assert is_refused(torn)
    assert is_refused(JPEG[:-100] + b"\xff\xd9", ImagePolicy(check="decode", max_side=20))
    assert not ImageFile.LOAD_TRUNCATED_IMAGES


def test_a_torn_png_is_found() -> None:
    torn = torn_png(PICTURE)
    assert not is_refused(torn, ImagePolicy())
    assert is_refused(torn)
    assert tensorflow_refuses(torn)


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_what_passes_as_a_png_is_decoded_by_tensorflow(draws: st.DataObject) -> None:
    data = bytearray(encoded(PICTURE.crop((0, 0, 9, 7)), "PNG"))
    data[draws.draw(st.integers(8, len(data) - 1))] = draws.draw(st.integers(0, 255))
    if not is_refused(bytes(data), ImagePolicy("fail", check="decode")):
        assert not tensorflow_refuses(bytes(data))


def test_no_real_photograph_is_refused(shared: Path) -> None:
    paths = sorted((shared / "data/cub_50/images").glob("*/*.jpg"))[::10]
    assert paths
    assert [path.name for path in paths if is_refused(path.read_bytes())] == []
