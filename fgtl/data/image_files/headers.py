"""What JPEG and PNG files say about themselves, read from their bytes alone: size, kind, orientation, wholeness.

Nothing is decoded and no library is called: on an ordinary 50 kB JPEG this takes some ten microseconds, which is
what lets a conversion pass images through at the speed of copying them.

Sources: ITU-T T.81 annex B (JPEG markers), TIFF 6.0 (the EXIF block), the PNG specification, third edition.
"""

import struct
import zlib
from dataclasses import dataclass

from fgtl.errors import DataError

# Why an image is not stored as it came, as the conversion report counts it.
ODDITIES = {
    "rotated": "EXIF says that the picture is not upright as stored",
    "cmyk": "four ink channels",
    "ycck": "four ink channels, coded as YCCK",
    "12-bit": "twelve bits a channel",
    "unusual coding": "lossless or arithmetic JPEG, which few decoders read",
    "16-bit": "more than eight bits a channel",
    "low bit depth": "fewer than eight bits a channel",
    "palette": "colours through a palette",
    "alpha": "transparent pixels; composited on white",
    "animated": "more than one frame; the first is kept",
    "gif": "a GIF file",
    "webp": "a WebP file",
    "bmp": "a BMP file",
    "tiff": "a TIFF file",
    "ppm": "a PPM or PGM file",
    "jpeg2000": "a JPEG 2000 file",
    "avif": "an AVIF file",
}


# The longest side that libjpeg decodes; the format has room for 65,535.
JPEG_LIMIT = 65_500
_JPEG_SEGMENTS = frozenset((*range(0xC0, 0xC8), *range(0xC9, 0xD0), *range(0xDA, 0xDE), *range(0xE0, 0xF0), 0xFE))
# Progressive JPEGs have about ten; encoders that try for the smallest file, some dozens.
MAX_SCANS = 100


class BadImage(DataError):
    """A file that cannot be stored as an image. `reason` is one sentence without the file's name."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What a file's header says.

    Attributes:
        format: true format by content: "jpeg", "png", "gif", "webp", "bmp", "tiff", "ppm", "jpeg2000", "avif".
        width, height: pixels as stored in the file, before any rotation that EXIF asks for.
        oddities: names from ODDITIES; an empty tuple means that the file is stored as it came.
        orientation: EXIF orientation, 1 (upright) to 8.
        lossy: the pixels have been through lossy compression, so that they may go through it again.
    """

    format: str
    width: int
    height: int
    oddities: tuple[str, ...]
    orientation: int = 1
    lossy: bool = False


def check_size(kind: str, width: int, height: int, max_pixels: int) -> None:
    """BadImage unless there are pixels, and no more than `max_pixels`."""
    if not width or not height:
        raise BadImage(f"It is a {kind} of {width} x {height} pixels.")
    if width * height > max_pixels:
        raise BadImage(
            f"It is a {kind} of {width:,} x {height:,} = {width * height:,} pixels; --max_pixels allows {max_pixels:,}."
        )


def read_jpeg(data: bytes, max_pixels: int) -> ImageFacts:
    """Facts of a JPEG from its markers up to the first scan, and its end marker. Raises BadImage."""
    try:
        return _read_jpeg(data, max_pixels)
    except (IndexError, struct.error):
        raise BadImage(f"It is a truncated JPEG: its {len(data):,} bytes end inside the header.") from None


def _read_jpeg(data: bytes, max_pixels: int) -> ImageFacts:
    position, transform, orientation = 2, None, 1
    frame: tuple[int, int, int, int, int] | None = None
    while True:
        if data[position] != 0xFF:
            raise BadImage(f"It is a damaged JPEG: byte {position:,} should start a marker.")
        marker = data[position + 1]
        if marker == 0xFF:  # fill byte
            position += 1
            continue
        start = position + 4
        length = (data[position + 2] << 8) | data[position + 3]
        if length < 2 or marker == 0xD9:
            raise BadImage(f"It is a damaged JPEG: no image data up to byte {position:,}.")
        if marker == 0xDA:  # start of scan
            in_scan = data[start]
            break
        if marker not in _JPEG_SEGMENTS:
            raise BadImage(f"It is a damaged JPEG: the marker {marker:02X} at byte {position:,} does not belong there.")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xCC):  # frame headers, but not tables
            precision, height, width, components = struct.unpack_from(">BHHB", data, start)
            check_size("JPEG", width, height, max_pixels)
            if max(width, height) > JPEG_LIMIT:
                raise BadImage(f"It is a JPEG of {width:,} x {height:,} pixels; decoders end at {JPEG_LIMIT:,} a side.")
            frame = marker, precision, components, width, height
        elif marker == 0xE1 and data.startswith(b"Exif\0", start):
            orientation = exif_orientation(data[start + 6 : position + 2 + length])
        elif marker == 0xEE and data.startswith(b"Adobe", start) and length >= 14:
            transform = data[start + 11]
        position += 2 + length
    if frame is None:
        raise BadImage("It is a damaged JPEG: its image data starts before its size is known.")
    # The end marker cannot occur inside coded data, where every 0xFF byte is followed by a zero or a restart marker.
    # What follows it (padding, a phone's second picture) is nobody's business.
    if not data.endswith(b"\xff\xd9") and data.rfind(b"\xff\xd9", position) < 0:
        raise BadImage(f"It is a truncated JPEG: its {len(data):,} bytes hold no end marker.")
    marker, precision, components, width, height = frame
    if components not in (1, 3, 4):
        raise BadImage(f"It is a JPEG of {components} channels.")
    if marker not in (0xC0, 0xC1) or in_scan < components:
        _check_scans(data, position)
    oddities = _jpeg_oddities(marker, precision, components, transform)
    if orientation != 1:
        oddities = ("rotated", *oddities)
    return ImageFacts("jpeg", width, height, oddities, orientation, lossy=marker not in (0xC3, 0xC7, 0xCB, 0xCF))


def _check_scans(data: bytes, start: int) -> None:
    # Each scan may be a few bytes and costs a decoder a walk over the whole picture: 5 ms for 64 million pixels.
    scans = data.count(b"\xff\xda", start)
    if scans > MAX_SCANS:
        raise BadImage(f"It is a JPEG of {scans:,} scans; more than {MAX_SCANS} serve only to keep decoders busy.")


def _jpeg_oddities(marker: int, precision: int, components: int, transform: int | None) -> tuple[str, ...]:
    found = []
    if components == 4:
        found.append("ycck" if transform == 2 else "cmyk")
    if precision != 8:
        found.append("12-bit")
    if marker > 0xC2:  # after baseline, extended and progressive Huffman coding
        found.append("unusual coding")
    return tuple(found)


def exif_orientation(tiff: bytes) -> int:
    """The orientation (1 to 8) in an EXIF block without its "Exif\\0\\0"; 1 where it says nothing or nonsense."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None:
        return 1
    try:
        (directory,) = struct.unpack_from(order + "I", tiff, 4)
        (entries,) = struct.unpack_from(order + "H", tiff, directory)
        for entry in range(directory + 2, directory + 2 + 12 * entries, 12):
            tag, kind, _count, value = struct.unpack_from(order + "HHIH", tiff, entry)
            if tag == 0x0112:
                return value if kind == 3 and 1 <= value <= 8 else 1
    except struct.error:
        # A cut EXIF block says nothing about the pixels; other software ignores it too.
        return 1
    return 1


PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_KINDS = {0: (), 2: (), 3: ("palette",), 4: ("alpha",), 6: ("alpha",)}
_PNG_BITS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}


def read_png(data: bytes, max_pixels: int) -> ImageFacts:
    """Facts of a PNG from its chunk list, which must reach the end chunk. Raises BadImage."""
    if len(data) < 33 or data[8:16] != b"\0\0\0\x0dIHDR":
        raise BadImage(f"It is a PNG without a header in its {len(data):,} bytes.")
    width, height, bits, kind, *methods = struct.unpack_from(">IIBBBBB", data, 16)
    if zlib.crc32(data[12:29]) != int.from_bytes(data[29:33], "big"):
        raise BadImage("It is a damaged PNG: the checksum of its header is wrong.")
    check_size("PNG", width, height, max_pixels)
    if kind not in _PNG_KINDS:
        raise BadImage(f"It is a damaged PNG: there is no colour type {kind}.")
    if bits not in _PNG_BITS[kind] or methods not in ([0, 0, 0], [0, 0, 1]):
        raise BadImage("It is a damaged PNG: its header asks for a coding that there is not.")
    oddities, orientation, has_pixels, position = list(_PNG_KINDS[kind]), 1, False, 33
    if bits != 8:
        oddities.append("16-bit" if bits == 16 else "low bit depth")
    while True:
        length, name = int.from_bytes(data[position : position + 4], "big"), data[position + 4 : position + 8]
        if position + 12 + length > len(data):
            raise BadImage(f"It is a truncated PNG: its {len(data):,} bytes hold no end chunk.")
        if name == b"IEND":
            break
        if name == b"IDAT":
            has_pixels = True
        elif name == b"IHDR":
            raise BadImage(f"It is a damaged PNG: a second header at byte {position:,}.")
        elif name == b"tRNS" and "alpha" not in oddities:
            oddities.append("alpha")
        elif name == b"acTL":
            oddities.append("animated")
        elif name == b"eXIf":
            orientation = exif_orientation(data[position + 8 : position + 8 + length])
        position += 12 + length
    if not has_pixels:
        raise BadImage("It is a PNG without image data.")
    if orientation != 1:
        oddities.insert(0, "rotated")
    return ImageFacts("png", width, height, tuple(dict.fromkeys(oddities)), orientation)
