"""Pillow's part of the image policy: formats other than JPEG and PNG, full decoding, and re-encoding."""

import io
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from PIL import Image

from fgtl.data.image_headers import BadImage, ImageFacts, check_size
from fgtl.data.orientation import upright_size

# The plugins a file may reach. Pillow knows many more, some of which start other programs (EPS).
_FORMATS = {
    "GIF": "gif",
    "WEBP": "webp",
    "BMP": "bmp",
    "DIB": "bmp",
    "TIFF": "tiff",
    "PPM": "ppm",
    "JPEG2000": "jpeg2000",
    "AVIF": "avif",
}
_PLUGINS = {"jpeg": ("JPEG", "MPO"), "png": ("PNG",)}
_LOSSY = ("webp", "jpeg2000", "avif")
_ODD_MODES = {"P": ("palette",), "PA": ("palette", "alpha"), "CMYK": ("cmyk",), "1": ("low bit depth",)}
_DEEP_MODES = ("I;16", "I;16L", "I;16B", "I", "F")
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ORIENTATION_TAG = 0x0112


def read_other(data: bytes, max_pixels: int) -> ImageFacts:
    """Facts of a file that is neither JPEG nor PNG; no pixel is decoded. Raises BadImage saying what it is instead."""
    foreign = _what_it_is(data)
    if foreign:
        raise BadImage(f"It is {foreign}.")
    with _pillow(f"It is not an image: its {len(data):,} bytes start with {data[:8].hex(' ')}."):
        image = Image.open(io.BytesIO(data), formats=tuple(_FORMATS))
        width, height = image.size
        orientation = image.getexif().get(_ORIENTATION_TAG, 1)
        animated = getattr(image, "is_animated", False)
    name = _FORMATS[str(image.format)]
    if not isinstance(orientation, int) or orientation not in _TURNS:
        orientation = 1
    check_size(f"{name} file", width, height, max_pixels)
    if name == "tiff":  # Pillow shows a TIFF's upright size from the start
        width, height = upright_size(width, height, orientation)
    found = [name, *_ODD_MODES.get(image.mode, ())]
    found += [
        oddity
        for oddity, there in (
            ("rotated", orientation != 1),
            ("16-bit", image.mode in _DEEP_MODES),
            ("alpha", image.has_transparency_data),
            ("animated", animated),
        )
        if there
    ]
    # A plain lossless WebP names its coding here; extended ones are taken as lossy, as most are.
    lossy = name in _LOSSY and data[12:16] != b"VP8L"
    return ImageFacts(name, width, height, tuple(dict.fromkeys(found)), orientation, lossy)


def decode(data: bytes, facts: ImageFacts) -> Image.Image:
    """Every pixel of the first frame, as Pillow has it.

    Raises:
        BadImage: the decoder gave up, or found another size than the header says; or the image data of a PNG has a
        wrong checksum or ends early. (JPEG decoders paint over a hole in the coded data with grey and only warn;
        Pillow does not pass the warning on.)
    """
    with _pillow("It cannot be decoded"):
        image = Image.open(io.BytesIO(data), formats=_PLUGINS.get(facts.format, tuple(_FORMATS)))
        if image.mode == "F" or (image.mode == "I" and image.format != "PPM"):
            raise BadImage("Its pixels are 32-bit numbers, which have no agreed black and white.")
        image.load()
        if facts.format == "png":
            _check_png_data(data, facts)
    expected = facts.width, facts.height
    if facts.format == "tiff":
        expected = upright_size(*expected, facts.orientation)
    if image.size != expected:
        raise BadImage(
            f"Its header says {expected[0]} x {expected[1]} pixels, decoded it has {image.width} x {image.height}."
        )
    return image


def _check_png_data(data: bytes, facts: ImageFacts) -> None:
    """What TensorFlow's decoder refuses and Pillow does not look at: checksums, and whether the data has an end."""
    stream, position = zlib.decompressobj(), 8
    # No pixel has more than 8 bytes, and no row less than a pixel beside its filter byte.
    room = 9 * facts.width * facts.height
    while (name := data[position + 4 : position + 8]) != b"IEND":
        end = position + 8 + int.from_bytes(data[position : position + 4], "big")
        if name == b"IDAT":
            if zlib.crc32(data[position + 4 : end]) != int.from_bytes(data[end : end + 4], "big"):
                raise BadImage("It is a damaged PNG: a checksum of its image data is wrong.")
            try:
                room -= len(stream.decompress(data[position + 8 : end], max(room, 1)))
            except zlib.error:
                return  # behind the last row: Pillow has seen all of them
        position = end + 4
    if not stream.eof and room > 0:
        raise BadImage("It is a damaged PNG: its image data has no end.")


def reencode(data: bytes, facts: ImageFacts) -> tuple[bytes, str]:
    """Upright 8-bit RGB of the file's first frame: (bytes, "jpeg" or "png"). Raises BadImage."""
    image = decode(data, facts)
    output = io.BytesIO()
    with _pillow("It cannot be re-encoded"):
        rgb = _to_rgb(image)
        if facts.orientation != 1 and facts.format != "tiff":  # Pillow turns a TIFF upright as it loads
            rgb = rgb.transpose(_TURNS[facts.orientation])
        rgb.info.clear()  # comments and profiles would be written again
        if facts.lossy:
            rgb.save(output, "JPEG", quality=95, subsampling=0)
        else:
            rgb.save(output, "PNG")
    return output.getvalue(), "jpeg" if facts.lossy else "png"


def _to_rgb(image: Image.Image) -> Image.Image:
    """8-bit RGB; transparent pixels on white; of deeper greys the upper eight bits, as Pillow reads deeper colours."""
    if image.mode in _DEEP_MODES:
        grey = np.asarray(image)
        upper = (grey >> 8).astype(np.uint8)
        if isinstance(image.info.get("transparency"), int):
            upper[grey == image.info["transparency"]] = 255
        return Image.fromarray(upper).convert("RGB")
    if image.has_transparency_data:
        colours = image.convert("RGBA")
        white = Image.new("RGBA", colours.size, "white")
        return Image.alpha_composite(white, colours).convert("RGB")
    return image.convert("RGB")


@contextmanager
def _pillow(reason: str) -> Iterator[None]:
    """Turn whatever Pillow raises into BadImage, keep its warnings quiet and its own size limit out of the way.

    The size limit that holds is `max_pixels`, checked between opening (headers only) and decoding.
    """
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (BadImage, MemoryError):
        raise
    except Image.UnidentifiedImageError:
        raise BadImage(reason if reason.endswith(".") else f"{reason}: Pillow does not recognise it.") from None
    # A hostile file can make a plugin raise anything (struct.error, KeyError, ZeroDivisionError, ...).
    except Exception as error:
        raise BadImage(f"{reason.rstrip('.')}: {str(error).rstrip('.') or type(error).__name__}.") from None
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def _what_it_is(data: bytes) -> str:
    """A phrase for well-known things that are no images we can read; "" when it might be an image."""
    start = data[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not data:
        return "an empty file (0 bytes)"
    if not any(data[:4096]) and not data.strip(b"\0"):
        return f"a file of {len(data):,} zero bytes"
    if start.startswith((b"<!doctype html", b"<html", b"<head")):
        return "an HTML page, perhaps the error page of a failed download"
    if start.startswith((b"<?xml", b"<svg")):
        return "an XML or SVG file"
    if start.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer, not the file it points to"
    if data[4:8] == b"ftyp" and data[8:12] in (b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"heim", b"heis"):
        return "an HEIC picture, which Pillow does not read; convert it to JPEG first"
    if start.startswith(b"%pdf"):
        return "a PDF file"
    if data.startswith(b"PK\x03\x04"):
        return "a ZIP archive"
    # PPM and XPM-like headers are text too, so only text that no image format starts with counts.
    if not data.startswith(b"P") and all(byte in _TEXT for byte in data[:512]):
        return f"a text file ({data[:30].decode('ascii').split(chr(10))[0].strip()!r} ...)"
    return ""


_TEXT = frozenset(range(32, 127)) | {9, 10, 13}
