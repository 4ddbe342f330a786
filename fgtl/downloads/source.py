"""Source: an archive's bytes in order, as they lie in the file or inflated on the way. Memory: a buffer or two."""

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

from fgtl.downloads.limits import MIB, Limits, amount, beyond
from fgtl.errors import DataError

# Compressed bytes at a time, and the most that comes out of them at a time.
_INPUT, _OUTPUT = 1 << 16, MIB
# xz -9 needs 65 MiB; its format lets a file ask for gigabytes.
_XZ_MEMORY = 256 * MIB

DAMAGED = "The file is damaged: download it again, and compare its checksum."


class Source(Protocol):
    """Bytes in order."""

    @property
    def position(self) -> int:
        """Bytes handed out or skipped so far."""

    @property
    def end(self) -> int | None:
        """Where it ends; None when that is not known beforehand."""

    def read(self, size: int) -> bytes:
        """The next `size` bytes; fewer only at the end."""

    def skip(self, size: int) -> int:
        """Pass over bytes; returns how many there were, fewer than `size` only at the end."""


class PlainSource:
    """A file as it lies on disk; skipping is free."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self.position, self.end = 0, size

    def read(self, size: int) -> bytes:
        data = self._file.read(size)
        self.position += len(data)
        return data

    def skip(self, size: int) -> int:
        size = min(size, self.end - self.position)
        self.position += size
        self._file.seek(self.position)
        return size


class Window:
    """The next bytes of another source: an archive in an archive. Positions are those of the other one."""

    def __init__(self, source: Source, size: int) -> None:
        self._source = source
        self.end = source.position + size

    @property
    def position(self) -> int:
        return self._source.position

    def read(self, size: int) -> bytes:
        return self._source.read(min(size, self.end - self.position))

    def skip(self, size: int) -> int:
        return self._source.skip(min(size, self.end - self.position))


class InflatingSource:
    """What a gzip, bzip2 or xz file inflates to; checksums are compared at the end of each compressed stream.

    Args:
        path: the file.
        kind: "gzip", "bzip2" or "xz".
        limits: its ratio is enforced while inflating.
        advance: called with numbers of compressed bytes read.

    Attributes:
        whole: whether the end was reached, and was an end.

    Every method that inflates raises DataError when the data are damaged or the ratio is exceeded.
    """

    def __init__(self, path: Path, kind: str, limits: Limits, advance: Callable[[int], None]) -> None:
        self._path, self._limits, self._advance = path, limits, advance
        self._new_decoder = _DECODERS[kind]
        self._file = path.open("rb", buffering=0)
        self._decoder = self._new_decoder()
        self._taken = self._given = 0
        self._buffer, self._at = memoryview(b""), 0
        self.position, self.end = 0, None
        self.whole = False

    def __enter__(self) -> "InflatingSource":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def read(self, size: int) -> bytes:
        if self._at + size <= len(self._buffer):  # nearly always: headers are small
            data = bytes(self._buffer[self._at : self._at + size])
            self._at += size
            self.position += size
            return data
        return b"".join(self.pieces(size))

    def skip(self, size: int) -> int:
        start = self.position
        # Slices of a view: nothing is copied.
        for _ in self.pieces(size):
            pass
        return self.position - start

    def pieces(self, size: int) -> Iterator[memoryview]:
        """The next `size` bytes, fewer only at the end, in pieces that are valid until the next one is asked for."""
        while size and (self._at < len(self._buffer) or self._fill()):
            piece = self._buffer[self._at : self._at + size]
            self._at += len(piece)
            self.position += len(piece)
            size -= len(piece)
            yield piece

    def _fill(self) -> bool:
        """Inflate the next piece; False at the end."""
        while True:
            data = b""
            if self._decoder.eof:
                data = self._next_stream()
                if not data:
                    self.whole = True
                    return False
            elif self._decoder.needs_input:
                data = self._take()
                if not data:
                    return False
            piece = self._inflate(data)
            if piece:
                self._buffer, self._at = memoryview(piece), 0
                return True

    def _next_stream(self) -> bytes:
        """Start of the data after a finished stream (compressors in parallel write several); empty when there are none."""
        data = self._decoder.unused_data.lstrip(b"\0")
        while not data:
            taken = self._take()
            if not taken:
                return b""
            data = taken.lstrip(b"\0")  # padding to whole blocks of a tape is allowed
        self._decoder = self._new_decoder()
        return data

    def _take(self) -> bytes:
        data = self._file.read(_INPUT)
        self._taken += len(data)
        self._advance(len(data))
        return data

    def _inflate(self, data: bytes) -> bytes:
        try:
            piece = self._decoder.decompress(data, _OUTPUT)
        # bz2 says OSError for damage; nothing is read from disk here.
        except (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError) as error:
            raise DataError(f"{self._path} is damaged near byte {self._taken:,}: {error}.", fix=DAMAGED) from None
        self._given += len(piece)
        if self._given > self._limits.inflated(self._taken):
            raise beyond(
                str(self._path),
                f"inflates to {amount(self._given)} and more from its first {self._taken:,} bytes",
                self._limits.growth,
            )
        if self._given > self._limits.total_bytes:
            raise beyond(
                str(self._path),
                f"inflates to {amount(self._given)} and more",
                amount(self._limits.total_bytes),
            )
        return piece


class _Decoder(Protocol):
    """What bz2 and lzma have."""

    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class _Gunzip:
    """zlib's decompressor for the gzip format (with its checksum), with the manners of those of bz2 and lzma."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(zlib.MAX_WBITS + 16)

    @property
    def eof(self) -> bool:
        return self._stream.eof

    @property
    def needs_input(self) -> bool:
        # Output that zlib holds back after the last input comes with the next one: the checksum is still to follow.
        return not self._stream.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._stream.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._stream.decompress(self._stream.unconsumed_tail or data, max_length)


def _unxz() -> _Decoder:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)


_DECODERS: dict[str, Callable[[], _Decoder]] = {"gzip": _Gunzip, "bzip2": bz2.BZ2Decompressor, "xz": _unxz}
