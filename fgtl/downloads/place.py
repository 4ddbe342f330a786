"""Place: where the bytes of one file lie on disk. Small and picklable, so that a worker needs nothing else to read it."""

import errno
import os
import stat
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from fgtl.downloads.limits import MIB, amount
from fgtl.errors import DataError

MAX_FILE_BYTES = 512 * MIB
"""What `read_place` reads unless it is told otherwise: no image file comes near; a record of 2 GiB cannot be parsed."""

# A fifo that nobody writes to must not hold up the one who opens it, and a terminal not become his.
_OPEN = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
_KINDS = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a fifo", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}


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


def read_place(place: Place, limit: int | None = MAX_FILE_BYTES) -> bytes:
    """The content of a place. Never holds more than the place promises, and a piece of 1 MiB.

    Args:
        place: what to read.
        limit: bytes, also of the packed form; None for no limit. More is refused before anything is read.

    Raises:
        OSError: the file cannot be read.
        DataError: it is not a regular file (a fifo, a device) or is larger than `limit`; a slice ends early, does not
            inflate to its size, or has another checksum.
    """
    return b"".join(place_pieces(place, limit))  # of one piece, as most images are, this is no copy


def place_pieces(place: Place, limit: int | None = None) -> Iterator[bytes]:
    """The same in pieces, of at most 1 MiB unless it is a whole file; what is wrong may turn up after some of them."""
    handle = _opened(place.file)
    try:
        size = _regular_size(handle)
        if place.length is not None:
            size = max(place.length, place.inflated or 0)
        if limit is not None and size > limit:
            raise DataError(f"It has {amount(size)} ({size:,} bytes).", expected=f"at most {amount(limit)}.")
        if place.length is None:
            while size and (piece := os.read(handle, size)):
                size -= len(piece)
                yield piece
            return
        pieces = _slice(handle, place.offset, place.length)
        if place.inflated is not None:
            pieces = _inflate(pieces, place.inflated)
        crc32 = 0
        for piece in pieces:
            if place.crc32 is not None:
                crc32 = zlib.crc32(piece, crc32)
            yield piece
    finally:
        os.close(handle)
    if place.crc32 is not None and place.crc32 != crc32:
        raise DataError("Its checksum differs from the archive's: the archive is damaged.")


def _opened(file: str) -> int:
    try:
        return os.open(file, _OPEN)
    except OSError as error:
        if error.errno == errno.ENXIO:
            raise DataError("It is a socket or a device, not a file.") from None
        raise


def _regular_size(handle: int) -> int:
    facts = os.fstat(handle)
    if not stat.S_ISREG(facts.st_mode):
        raise DataError(f"It is {_KINDS.get(stat.S_IFMT(facts.st_mode), 'something else')}, not a file.")
    return facts.st_size


def _slice(handle: int, offset: int, length: int) -> Iterator[bytes]:
    while length:
        piece = os.pread(handle, min(length, MIB), offset)
        if not piece:
            raise DataError("The archive ends inside it: the download is incomplete.")
        offset, length = offset + len(piece), length - len(piece)
        yield piece


def _inflate(pieces: Iterator[bytes], size: int) -> Iterator[bytes]:
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    left = size
    for piece in pieces:
        full = True
        while not stream.eof and (piece or full):
            # One byte more than promised is enough to see that the promise was wrong.
            room = min(left + 1, MIB)
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
