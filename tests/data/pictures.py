"""Pictures and image files made in memory, for the tests of this room (`from pictures import ...`)."""

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image


def picture(width: int = 64, height: int = 48, channels: int = 3) -> Image.Image:
    """Smooth colours, so that JPEG keeps them, with no symmetry."""
    y, x = np.mgrid[:height, :width]
    planes = [x * 255 // width, y * 255 // height, (x + 2 * y) % 256, (x * 3) % 256]
    return Image.fromarray(np.stack(planes[:channels], axis=-1).astype(np.uint8).squeeze())


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    """The image as a file of Pillow's format `kind`."""
    output = io.BytesIO()
    image.save(output, kind, **options)
    return output.getvalue()


def chunk(name: bytes, content: bytes) -> bytes:
    """One chunk of a PNG, with its checksum."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(width: int, height: int, bits: int, colour_type: int, rows: bytes, extra: bytes = b"") -> bytes:
    """A PNG of any header; `rows` with a filter byte before each row, `extra` chunks before them."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0))
    end = chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + extra + end


def torn_png(image: Image.Image) -> bytes:
    """A PNG with a bit of its image data turned: header and end are whole."""
    data = bytearray(encoded(image, "PNG"))
    data[data.index(b"IDAT") + 20] ^= 1
    return bytes(data)
