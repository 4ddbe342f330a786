"""Pillow on files that nobody vouches for: which of its formats they reach, kept quiet; and sizes from headers alone."""

import io
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image

# The plugins a file may reach, beside JPEG and PNG. Pillow knows many more, some of which start other programs (EPS).
FORMATS = {
    "GIF": "gif",
    "WEBP": "webp",
    "BMP": "bmp",
    "DIB": "bmp",
    "TIFF": "tiff",
    "PPM": "ppm",
    "JPEG2000": "jpeg2000",
    "AVIF": "avif",
}
"""Pillow's name of a format -> fgtl's."""


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Keep Pillow's warnings quiet and its own limit of pixels out of the way; the caller has one of his own."""
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def header_size(data: bytes) -> tuple[int, int] | None:
    """(width, height) that an image file's header gives; None when it has none that can be read. Decodes nothing."""
    if is_webp(data):
        return webp_size(data)
    try:
        with quiet_pillow(), Image.open(io.BytesIO(data), formats=("JPEG", "PNG", *FORMATS)) as image:
            return image.size
    # A hostile file can make a plugin raise anything (struct.error, KeyError, RuntimeError, ...).
    except Exception:
        return None


def is_webp(data: bytes) -> bool:
    """Whether a file begins as a WebP. Pillow's decoder of these takes memory for the canvas as soon as it is opened."""
    return data.startswith(b"RIFF") and data[8:12] == b"WEBP"


def webp_size(data: bytes) -> tuple[int, int] | None:
    """(width, height) of a WebP by its first chunk; None when it has none.

    Source: the WebP container specification, and RFC 6386 9.1 for the lossy key frame.
    """
    kind = data[12:16]
    if kind == b"VP8X" and len(data) >= 30:
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    if kind == b"VP8L" and len(data) >= 25:
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 " and len(data) >= 30:
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    return None
