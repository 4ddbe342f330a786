"""What a case of the corpus of `hostile_pictures` is, and its JPEGs.

An outcome is KEPT (stored byte for byte), the oddities of a file that is stored re-encoded, or a phrase of the reason
for which it is refused.
"""

import base64
import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from pictures import encoded, picture
from PIL import Image, ImageOps

KEPT = ()
Outcome = tuple[str, ...] | str
HUGE = "60,000 x 60,000 = 3,600,000,000 pixels"


@dataclass(frozen=True)
class Case:
    """One file.

    Attributes:
        data: its bytes.
        header, decode: what becomes of it with --check=header and --check=decode.
        shows: the picture that a stored file must show; None: any.
        mistake: allowed mean difference from it, of 255.
    """

    data: bytes
    header: Outcome
    decode: Outcome
    shows: Image.Image | None = None
    mistake: float = 2.0


Cases = Iterator[tuple[str, Case]]


def jpegs() -> Cases:
    """All JPEGs of the corpus."""
    for part in (_whole, _cut, _damaged_headers, _damaged_bodies, _colours, _exif, _jpeg_sizes):
        yield from part()


def same(data: bytes, outcome: Outcome, shows: Image.Image | None = None, mistake: float = 2.0) -> Case:
    """A case with one outcome for both checks."""
    return Case(data, outcome, outcome, shows, mistake)


def turned(data: bytes, at: int, value: int) -> bytes:
    """The file with one byte changed."""
    return data[:at] + bytes((value,)) + data[at + 1 :]


def segment(marker: int, content: bytes) -> bytes:
    """One segment of a JPEG."""
    return bytes((0xFF, marker)) + struct.pack(">H", len(content) + 2) + content


PICTURE = picture()
JPEG = encoded(PICTURE, "JPEG", quality=90)
PROGRESSIVE = encoded(PICTURE, "JPEG", quality=90, progressive=True)
RESTARTS = encoded(PICTURE, "JPEG", quality=90, subsampling=0, restart_marker_rows=1)
APP0, TABLES, FRAME, CODES, SCAN = (JPEG.index(bytes((0xFF, marker))) for marker in (0xE0, 0xDB, 0xC0, 0xC4, 0xDA))
BODY = SCAN + 14  # two bytes of marker, and the twelve of the header of a scan of three components


def with_jpeg_size(width: int, height: int) -> bytes:
    """The JPEG, with another size in its header."""
    return JPEG[: FRAME + 5] + struct.pack(">HH", height, width) + JPEG[FRAME + 9 :]


def _whole() -> Cases:
    yield "jpeg", same(JPEG, KEPT, PICTURE)
    yield "jpeg named .png", same(JPEG, KEPT)  # content tells; names are never looked at
    yield "jpeg progressive", same(PROGRESSIVE, KEPT, PICTURE)
    yield "jpeg grey", same(encoded(picture(channels=1), "JPEG"), KEPT)
    yield "jpeg grey progressive", same(encoded(picture(channels=1), "JPEG", progressive=True), KEPT)
    yield "jpeg with restart markers", same(RESTARTS, KEPT, PICTURE)
    yield "jpeg with own code tables", same(encoded(PICTURE, "JPEG", optimize=True), KEPT, PICTURE)
    thumbnail = b"Exif\0\0MM\0*" + JPEG
    yield "jpeg with a thumbnail", same(encoded(PICTURE, "JPEG", exif=thumbnail), KEPT, PICTURE)
    yield "jpeg cut behind its thumbnail", same(encoded(PICTURE, "JPEG", exif=thumbnail)[:-2], "truncated JPEG")
    yield "jpeg padded with zeros", same(JPEG + bytes(100), KEPT)
    yield "jpeg with zeros before its end", same(JPEG[:-2] + bytes(65) + JPEG[-2:], KEPT)
    yield "jpeg with text behind it", same(JPEG + b"\r\n<!-- served by a proxy -->", KEPT)
    yield "jpeg with part of another behind it", same(JPEG + JPEG[:300], KEPT)
    yield (
        "jpeg of several pictures",
        same(encoded(PICTURE, "MPO", save_all=True, append_images=[PICTURE]), KEPT, PICTURE),
    )
    yield "jpeg with fill bytes", same(JPEG[:2] + b"\xff\xff\xff" + JPEG[2:-2] + b"\xff\xff" + JPEG[-2:], KEPT, PICTURE)
    yield "jpeg with lines counted twice", same(JPEG[:-2] + segment(0xDC, b"\0\x30") + JPEG[-2:], KEPT)
    yield "jpeg of two scans", same(_two_scans(), KEPT)


def _two_scans() -> bytes:
    """Colours in scans of their own, as old cameras wrote them: a grey picture's scan, for each of two components."""
    grey = encoded(Image.new("L", (64, 48), 90), "JPEG")
    frame, scan = grey.index(b"\xff\xc0"), grey.index(b"\xff\xda")
    three = segment(0xC0, grey[frame + 4 : frame + 9] + b"\x03" + b"".join(bytes((n, 0x11, 0)) for n in (1, 2, 3)))
    scans = b"".join(segment(0xDA, bytes((1, n, 0, 0, 63, 0))) + grey[scan + 10 : -2] for n in (1, 2, 3))
    return grey[:frame] + three + grey[frame + 13 : scan] + scans + b"\xff\xd9"


def _cut() -> Cases:
    places = {
        "behind its first marker": 2,
        "in the first segment's length": APP0 + 3,
        "in the first segment": APP0 + 9,
        "in a quantisation table": TABLES + 30,
        "in the frame header": FRAME + 7,
        "in a code table": CODES + 12,
        "in the scan header": SCAN + 5,
        "before its coded pixels": BODY,
        "in its coded pixels": (BODY + len(JPEG)) // 2,
        "by its last two bytes": -2,
        "by its last byte": -1,
    }
    for place, at in places.items():
        yield f"jpeg cut {place}", same(JPEG[:at], "not an image" if at == 2 else "truncated JPEG")
    yield "jpeg of markers only", same(b"\xff\xd8\xff\xd9\0\0", "no image data")
    half = JPEG[: (BODY + len(JPEG)) // 2] + b"\xff\xd9"
    yield "jpeg cut, with a new end", Case(half, KEPT, "coded pixels are missing")
    third_scan = [at for at in range(len(PROGRESSIVE)) if PROGRESSIVE[at : at + 2] == b"\xff\xda"][2]
    yield (
        "jpeg cut between scans, with a new end",
        Case(PROGRESSIVE[:third_scan] + b"\xff\xd9", KEPT, "scans are missing"),
    )
    half = PROGRESSIVE[: len(PROGRESSIVE) * 3 // 4] + b"\xff\xd9"
    yield "jpeg cut in a scan, with a new end", Case(half, KEPT, "damaged JPEG")


def _damaged_headers() -> Cases:
    """Headers with a byte changed."""
    yield "jpeg without its first marker", same(turned(JPEG, 1, 0xD9), "not an image")
    yield "jpeg with a wrong length", same(turned(JPEG, APP0 + 3, 0x13), "should start a marker")
    yield "jpeg with a segment of no length", same(b"\xff\xd8\xff\xe0\x00\x00", "no image data")
    yield "jpeg with an unknown segment", same(turned(JPEG, TABLES + 1, 0x5B), "marker 5B at byte")
    yield "jpeg without quantisation tables", Case(JPEG[:TABLES] + JPEG[FRAME:], KEPT, "cannot be decoded")
    yield "jpeg with a code table of nonsense", Case(turned(JPEG, CODES + 5, 0xFF), KEPT, "cannot be decoded")
    yield "jpeg without a frame", same(JPEG[:2] + JPEG[SCAN:], "before its size is known")
    yield "jpeg with a frame that is none", same(turned(JPEG, FRAME + 1, 0xC8), "marker C8 at byte")
    yield "jpeg of no height", same(with_jpeg_size(64, 0), "64 x 0 pixels")
    yield "jpeg of no width", same(with_jpeg_size(0, 48), "0 x 48 pixels")
    yield "jpeg of more rows than it has", Case(with_jpeg_size(64, 96), KEPT, "coded pixels are missing")
    yield "jpeg of fewer rows than it has", Case(with_jpeg_size(64, 16), KEPT, "more than belong there")
    yield "jpeg of two channels", same(turned(JPEG, FRAME + 9, 2), "2 channels")
    yield "jpeg of 12 bits", same(turned(JPEG, FRAME + 4, 12), "cannot be decoded")
    yield "jpeg with a sampling of nonsense", Case(turned(JPEG, FRAME + 11, 0xF1), KEPT, "cannot be decoded")


def _damaged_bodies() -> Cases:
    middle = (BODY + len(JPEG)) // 2
    missing, too_many = "coded pixels are missing", "more than belong there"
    yield "jpeg with a hole", Case(JPEG[: middle - 40] + JPEG[middle + 40 :], KEPT, missing)
    yield "jpeg with zeros in it", Case(JPEG[: middle - 100] + bytes(200) + JPEG[middle + 100 :], KEPT, "damaged JPEG")
    flipped = bytes(byte ^ (byte not in (0, 0xFE, 0xFF) and at % 8 == 0) for at, byte in enumerate(JPEG[BODY:-2]))
    yield "jpeg with flipped bits", Case(JPEG[:BODY] + flipped + JPEG[-2:], KEPT, "damaged JPEG")
    yield "jpeg with coded pixels twice", Case(JPEG[:middle] + JPEG[middle - 60 :], KEPT, too_many)
    yield "jpeg with an early end", Case(JPEG[:middle] + b"\xff\xd9" + JPEG[middle:], KEPT, missing)
    yield "jpeg with a stray restart", Case(JPEG[:middle] + b"\xff\xd3" + JPEG[middle:], KEPT, "restart marker")
    yield "jpeg with a stray table", Case(JPEG[:middle] + b"\xff\xc4\0\x04\0\0" + JPEG[middle:], KEPT, "marker C4")
    first, second = (RESTARTS.index(bytes((0xFF, 0xD0 + number))) for number in (0, 1))
    yield "jpeg without a restart", Case(RESTARTS[:first] + RESTARTS[second:], KEPT, "restart marker")
    hole = RESTARTS[: second - 60] + RESTARTS[second:]
    yield "jpeg with a hole between restarts", Case(hole, KEPT, missing)
    twice = RESTARTS[:second] + RESTARTS[second - 60 :]
    yield "jpeg with too much between restarts", Case(twice, KEPT, too_many)
    scan = PROGRESSIVE.index(b"\xff\xda")
    hole = PROGRESSIVE[: scan + 30] + PROGRESSIVE[scan + 60 :]
    yield "jpeg progressive with a hole", Case(hole, KEPT, missing)


def _colours() -> Cases:
    inks = PICTURE.convert("CMYK")
    cmyk = encoded(inks, "JPEG", quality=95, subsampling=0)
    adobe = cmyk.index(b"Adobe")
    yield "jpeg cmyk", same(cmyk, ("cmyk",), inks.convert("RGB"))
    bare = cmyk[: adobe - 4] + cmyk[adobe + 12 :]
    yield "jpeg cmyk without Adobe's mark", same(bare, ("cmyk",), inks.convert("RGB"))
    inverted = encoded(ImageOps.invert(inks.convert("RGB")).convert("CMYK"), "JPEG", quality=95, subsampling=0)
    yield "jpeg cmyk inverted", same(inverted, ("cmyk",), ImageOps.invert(inks.convert("RGB")))
    # The same coded planes, read as Y, Cb, Cr and K: the picture that Pillow makes of it counts as right.
    ycck = turned(cmyk, adobe + 11, 2)
    yield "jpeg ycck", same(ycck, ("ycck",), Image.open(io.BytesIO(ycck)).convert("RGB"))
    yield "jpeg arithmetic", same(base64.b64decode(ARITHMETIC), ("unusual coding",), _ramp(), 3)
    yield "jpeg lossless", same(_lossless(PICTURE.convert("L")), ("unusual coding",), PICTURE.convert("L"), 0)


def _ramp() -> Image.Image:
    y, x = np.mgrid[:12, :16]
    return Image.fromarray(np.stack([x * 16, y * 20, np.full_like(x, 60)], -1).astype(np.uint8))


# Coded with libjpeg's own arithmetic encoder, to which Pillow has no door.
ARITHMETIC = (
    "/9j/2wBDAAMCAgMCAgMDAwMEAwMEBQgFBQQEBQoHBwYIDAoMDAsKCwsNDhIQDQ4RDgsLEBYQERMUFRUVDA8XGBYUGBIUFRT/2wBDAQMEBAUE"
    "BQkFBQkUDQsNFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBT/yQARCAAMABADAREAAhEBAxEB/8wACg"
    "AQEAUBEBEF/9oADAMBAAIRAxEAPwD/AN3asiGRX6Vyfh2sJaNpaWo8Fli5qqXzTZl/AarDVN1Sw9pM6jVB3HyoLiwZfK+IMhxfStwwAzJJMt2y"
    "9am7RWJPeLvAj4Swa/D/2Q=="
)


def _lossless(image: Image.Image) -> bytes:
    """A lossless JPEG: each pixel as the difference from its left neighbour (T.81 annex H, predictor 1)."""
    grey = np.asarray(image).astype(int)
    before = np.concatenate([np.concatenate([[128], grey[:-1, 0]])[:, None], grey[:, :-1]], axis=1)
    bits = ""
    for difference in (grey - before).ravel().tolist():
        length = abs(difference).bit_length()
        value = difference if difference > 0 else difference + (1 << length) - 1
        bits += f"{length:04b}" + (f"{value:0{length}b}" if length else "")
    bits += "1" * (-len(bits) % 8)
    body = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")
    frame = segment(0xC3, struct.pack(">BHHBBBB", 8, image.height, image.width, 1, 1, 0x11, 0))
    codes = segment(0xC4, bytes((0, 0, 0, 0, 10, *([0] * 12), *range(10))))
    return b"\xff\xd8" + frame + codes + segment(0xDA, bytes((1, 1, 0, 1, 0, 0))) + body + b"\xff\xd9"


def exif(orientation: int) -> Image.Exif:
    """An EXIF block with nothing but an orientation."""
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


def _exif() -> Cases:
    for orientation in range(10):
        data = encoded(PICTURE, "JPEG", quality=95, subsampling=0, exif=exif(orientation))
        outcome = ("rotated",) if 2 <= orientation <= 8 else KEPT
        yield f"jpeg exif {orientation}", same(data, outcome, ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
    block = exif(6).tobytes()
    yield "jpeg exif cut", same(encoded(PICTURE, "JPEG", exif=block[:-12]), KEPT)
    yield "jpeg exif of nonsense", same(encoded(PICTURE, "JPEG", exif=b"Exif\0\0" + b"\xff" * 60), KEPT)
    endless = b"Exif\0\0" + b"MM\0*" + struct.pack(">IH", 8, 0xFFFF) + bytes(40)
    yield "jpeg exif of 65,535 entries", same(encoded(PICTURE, "JPEG", exif=endless), KEPT)


def _jpeg_sizes() -> Cases:
    for width, height in ((1, 1), (1, 60_000), (60_000, 1), (65_500, 1)):
        image = Image.new("RGB", (width, height), (90, 60, 30))
        yield f"jpeg {width} x {height}", same(encoded(image, "JPEG"), KEPT, image)
    yield "jpeg 65535 x 1", same(with_jpeg_size(65_535, 1), "decoders end at 65,500 a side")
    yield "bomb: jpeg", same(with_jpeg_size(60_000, 60_000), HUGE)
    yield "bomb: jpeg header", same(with_jpeg_size(60_000, 60_000)[:700], HUGE)
    yield "bomb: jpeg scans", same(_many_scans(8000, 2000), "2,001 scans")
    yield "bomb: jpeg scans in a thumbnail", same(encoded(PICTURE, "JPEG", exif=b"Exif\0\0" + b"\xff\xda" * 500), KEPT)


def _many_scans(side: int, scans: int) -> bytes:
    """A progressive grey JPEG: for every 32,767 blocks a code of 15 bits in each of many scans."""
    blocks = (side // 8) ** 2
    bits = "".join("0" + f"{min(left, 32767) - 16384:014b}" for left in range(blocks, 16384, -32767))
    bits += "1" * (-len(bits) % 8)
    coded = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")
    frame = segment(0xC2, struct.pack(">BHHBBBB", 8, side, side, 1, 1, 0x11, 0))
    one_code = bytes((1, *([0] * 15)))
    codes = segment(0xC4, b"\0" + one_code + b"\0") + segment(0xC4, b"\x10" + one_code + b"\xe0")
    first = segment(0xDA, bytes((1, 1, 0, 0, 0, 0))) + bytes(blocks // 8)
    return (
        JPEG[:2]
        + JPEG[TABLES:FRAME]
        + frame
        + codes
        + first
        + (segment(0xDA, bytes((1, 1, 0, 1, 63, 0))) + coded) * scans
        + b"\xff\xd9"
    )
