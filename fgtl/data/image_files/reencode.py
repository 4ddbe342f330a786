"""Pillow's part of the image policy: formats other than JPEG and PNG, full decoding, re-encoding and shrinking."""

import io
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from PIL import Image

from fgtl.data.image_files.foreign import what_it_is
from fgtl.data.image_files.headers import BadImage, ImageFacts, check_size
from fgtl.data.image_files.jpeg_body import Decoded, decode_jpeg
from fgtl.data.image_files.orientation import upright_size
from fgtl.data.image_files.png_body import check_png
from fgtl.pillow import FORMATS, is_webp, quiet_pillow, webp_size

# Of every JPEG that is written: 4:4:4, because small pictures keep their colours only so.
QUALITY, SUBSAMPLING = 95, 0
# A JPEG that is to be shrunk is decoded at a part of its size where this many pixels are left for each wanted one, in
# each direction: then the result is that of all pixels (a median of 49 dB on photographs of birds; at 1: 37 dB).
GAP = 2

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
    foreign = what_it_is(data)
    if foreign:
        raise BadImage(f"It is {foreign}.")
    if is_webp(data):
        size = webp_size(data)
        if size is None:
            raise BadImage(f"It is a damaged WebP: its {len(data):,} bytes hold no size.")
        check_size("webp file", *size, max_pixels)
    with _pillow(f"It is not an image: its {len(data):,} bytes start with {data[:8].hex(' ')}."):
        image = Image.open(io.BytesIO(data), formats=tuple(FORMATS))
        width, height = image.size
        orientation = image.getexif().get(_ORIENTATION_TAG, 1)
        animated = getattr(image, "is_animated", False)
    name = FORMATS[str(image.format)]
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


def decode(data: bytes, facts: ImageFacts, *, at_least: tuple[int, int] | None = None, strict: bool = True) -> Decoded:
    """Every pixel of the first frame, as Pillow has it.

    Args:
        data, facts: the file, and what its header says.
        at_least: a size that a JPEG need not exceed by more than it takes; see `decode_jpeg`.
        strict: refuse a JPEG whose damage Pillow's decoder paints over.

    Raises:
        BadImage: the decoder gave up, or found another size than the header says; the coded pixels are damaged.
    """
    with _pillow("It cannot be decoded"):
        if facts.format == "jpeg":
            decoded = decode_jpeg(data, at_least, strict=strict)
        else:
            decoded = _decode_other(data, facts)
    expected = facts.width, facts.height
    if facts.format == "tiff":
        expected = upright_size(*expected, facts.orientation)
    if decoded.size != expected:
        found = decoded.size
        raise BadImage(f"Its header says {expected[0]} x {expected[1]} pixels, decoded it has {found[0]} x {found[1]}.")
    return decoded


def check_pixels(data: bytes, facts: ImageFacts) -> None:
    """Look at every coded pixel of a JPEG or PNG without keeping one. Raises BadImage."""
    if facts.format == "png":
        check_png(data)
    else:
        decode(data, facts, at_least=(1, 1))


def _decode_other(data: bytes, facts: ImageFacts) -> Decoded:
    image = Image.open(io.BytesIO(data), formats=("PNG",) if facts.format == "png" else tuple(FORMATS))
    if image.mode == "F" or (image.mode == "I" and image.format != "PPM"):
        raise BadImage("Its pixels are 32-bit numbers, which have no agreed black and white.")
    image.load()
    if facts.format == "png":
        check_png(data)
    return Decoded(image, image.size, (0, 0, *image.size))


def reencode(data: bytes, facts: ImageFacts, size: tuple[int, int], *, strict: bool) -> tuple[bytes, str]:
    """Upright 8-bit pixels of the file's first frame.

    RGB, or grey where nothing but the size is changed. A JPEG where the source was lossy or is shrunk, else a PNG.

    Args:
        data, facts: the file, and what its header says.
        size: (width, height) of the result; not more than the upright picture has.
        strict: as for `decode`.

    Returns:
        (bytes, "jpeg" or "png").

    Raises:
        BadImage: it cannot be decoded.
    """
    turn = 1 if facts.format == "tiff" else facts.orientation  # Pillow turns a TIFF upright as it loads
    wanted = upright_size(*size, turn)
    is_shrunk = size != upright_size(facts.width, facts.height, facts.orientation)
    at_least = (GAP * wanted[0], GAP * wanted[1]) if is_shrunk else None
    decoded = decode(data, facts, at_least=at_least, strict=strict)
    output = io.BytesIO()
    with _pillow("It cannot be re-encoded"):
        image = _to_rgb(decoded.image) if facts.oddities else decoded.image
        if is_shrunk:
            image = image.resize(wanted, Image.Resampling.LANCZOS, box=decoded.box)
        if turn != 1:
            image = image.transpose(_TURNS[turn])
        image.info.clear()  # comments and profiles would be written again
        if facts.lossy or is_shrunk:
            image.save(output, "JPEG", quality=QUALITY, subsampling=SUBSAMPLING)
        else:
            image.save(output, "PNG")
    return output.getvalue(), "jpeg" if facts.lossy or is_shrunk else "png"


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
    try:
        with quiet_pillow():
            yield
    except (BadImage, MemoryError):
        raise
    except Image.UnidentifiedImageError:
        raise BadImage(reason if reason.endswith(".") else f"{reason}: Pillow does not recognise it.") from None
    # A hostile file can make a plugin raise anything (struct.error, KeyError, ZeroDivisionError, ...).
    except Exception as error:
        raise BadImage(f"{reason.rstrip('.')}: {str(error).rstrip('.') or type(error).__name__}.") from None
