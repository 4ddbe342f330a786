"""Place: where the bytes of one file lie on disk. Small and picklable, so that a worker needs nothing else to read it."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import FileIO

from fgtl.errors import DataError

_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Place:
    """A file of its own, or a slice of another one (an archive, a shard).

    Attributes:
        file: path on disk.
        offset: first byte of the slice.
        length: bytes of the slice on disk; None for the whole file.
        inflated: bytes after inflating when the slice is raw DEFLATE data (of a ZIP archive), None when it is stored
            as it is.
        crc32: of the content, where the archive knows it.
    """

    file: str
    offset: int = 0
    length: int | None = None
    inflated: int | None = None
    crc32: int | None = None


def read_place(place: Place) -> bytes:
    """The content of a place. Never holds more than the place promises, and a piece of 1 MiB.

    Raises:
        OSError: the file cannot be read.
        DataError: a slice ends early, does not inflate to its size, or has another checksum.
    """
    return b"".join(place_pieces(place))  # of one piece, as most images are, this is no copy


def place_pieces(place: Place) -> Iterator[bytes]:
    """The same in pieces, of at most 1 MiB unless it is a whole file; what is wrong may turn up after some of them."""
    # Unbuffered: once an image, and a buffer would only copy.
    with open(place.file, "rb", buffering=0) as file:  # noqa: PTH123 (Path.open costs twice as much)
        if place.length is None:
            yield file.read()
            return
        file.seek(place.offset)
        pieces = _slice(file, place.length)
        if place.inflated is not None:
            pieces = _inflate(pieces, place.inflated)
        crc32 = 0
        for piece in pieces:
            if place.crc32 is not None:
                crc32 = zlib.crc32(piece, crc32)
            yield piece
    if place.crc32 is not None and place.crc32 != crc32:
        raise DataError("Its checksum differs from the archive's: the archive is damaged.")


def _slice(file: FileIO, length: int) -> Iterator[bytes]:
    while length:
        piece = file.read(min(length, _PIECE))
        if not piece:
            raise DataError("The archive ends inside it: the download is incomplete.")
        length -= len(piece)
        yield piece


def _inflate(pieces: Iterator[bytes], size: int) -> Iterator[bytes]:
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    left = size
    for piece in pieces:
        full = True
        while not stream.eof and (piece or full):
            # One byte more than promised is enough to see that the promise was wrong.
            room = min(left + 1, _PIECE)
            try:
                content = stream.decompress(piece, room)
            except zlib.error as error:
                raise DataError(f"It does not inflate ({error}): the archive is damaged.") from None
            left -= len(content)
            if left < 0:
                break
            yield content
            # With a full piece zlib may hold back more, even when it has taken all of the input.
            piece, full = stream.unconsumed_tail, len(content) == room
    if left or not stream.eof:
        raise DataError(f"It inflates to another size than the {size:,} bytes the archive says.")
