"""Whether the pixels of a PNG are whole: order of chunks, checksums, and the inflated rows. Nothing is unfiltered.

That is all that can be wrong with them, and finding out costs less than decoding.

Source: the PNG specification, third edition: 5.3 to 5.6 (chunks), 8 (interlacing), 9 and 10 (filters, compression).
"""

import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from fgtl.data.image_files.headers import BadImage

_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_FILTERS = 5
_ENDS_WITHIN = 1 << 20
# Adam7: first column and row of each pass, and the steps to the next.
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def check_png(data: bytes) -> None:
    """Look at every byte that decides a pixel.

    A megabyte behind the last row is no damage: decoders ignore it. Memory: the unfiltered rows.

    Args:
        data: a file that `read_png` has accepted.

    Raises:
        BadImage: a critical chunk is out of place, unknown or has a wrong checksum; rows are missing or do not inflate.
    """
    width, height, bits, kind, _, _, interlaced = struct.unpack_from(">IIBBBBB", data, 16)
    coded = b"".join(_pixel_chunks(data))
    passes = list(_passes(width, height, bits * _CHANNELS[kind], interlaced))
    rows = _inflated(coded, sum(stride * count for stride, count in passes))
    at = 0
    for stride, count in passes:
        if (rows[at : at + stride * count : stride] >= _FILTERS).any():
            raise BadImage("It is a damaged PNG: a row is coded in a way that there is not.")
        at += stride * count


def _pixel_chunks(data: bytes) -> Iterator[bytes]:
    position, previous, is_over = 8, b"", False
    while previous != b"IEND":
        end = position + 8 + int.from_bytes(data[position : position + 4], "big")
        name = data[position + 4 : position + 8]
        if not name.isalpha():
            raise BadImage(f"It is a damaged PNG: {name!r} at byte {position + 4:,} is no name of a chunk.")
        # The fifth bit of a name's first letter says whether a decoder may skip the chunk.
        if not name[0] & 0x20:
            if name not in (b"IHDR", b"PLTE", b"IDAT", b"IEND"):
                raise BadImage(f"It is a damaged PNG: its chunk {name!r} is needed and unknown.")
            if zlib.crc32(data[position + 4 : end]) != int.from_bytes(data[end : end + 4], "big"):
                part = "image data" if name == b"IDAT" else f"{name.decode()} chunk"
                raise BadImage(f"It is a damaged PNG: a checksum of its {part} is wrong.")
        is_over = is_over or (previous == b"IDAT" and name != b"IDAT")
        if is_over and name == b"IDAT":
            raise BadImage("It is a damaged PNG: its image data is interrupted by other chunks.")
        if name == b"PLTE" and not 0 < end - position - 8 <= 768:
            raise BadImage("It is a damaged PNG: its palette has no colours, or too many.")
        if name == b"IDAT":
            yield data[position + 8 : end]
        position, previous = end + 4, name


def _inflated(coded: bytes, size: int) -> np.ndarray:
    """The first `size` bytes, which must all be there."""
    stream = zlib.decompressobj()
    try:
        rows = stream.decompress(coded, size)
        if len(rows) < size:
            raise BadImage("It is a damaged PNG: its image data ends before the last row.")
    except zlib.error as error:
        raise BadImage(f"It is a damaged PNG: its image data does not inflate ({error}).") from None
    if not _has_end(stream):
        raise BadImage("It is a damaged PNG: its image data has no end.")
    return np.frombuffer(rows, np.uint8)


def _has_end(stream: Any) -> bool:
    """Whether compressed data ends, soon enough for a decoder that goes on to its end."""
    behind = 0
    try:
        while not stream.eof and stream.unconsumed_tail and behind < _ENDS_WITHIN:
            behind += len(stream.decompress(stream.unconsumed_tail, _ENDS_WITHIN))
    except zlib.error:
        return True  # decoders only warn of a wrong checksum behind the last row
    return bool(stream.eof)


def _passes(width: int, height: int, bits: int, interlaced: int) -> Iterator[tuple[int, int]]:
    """(bytes a row with its filter byte, rows) of each pass that has pixels."""
    for x, y, right, down in _PASSES if interlaced else ((0, 0, 1, 1),):
        columns, rows = -(-(width - x) // right), -(-(height - y) // down)
        if columns > 0 and rows > 0:
            yield 1 + (columns * bits + 7) // 8, rows
