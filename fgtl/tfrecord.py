"""TFRecord files without TensorFlow: each record is a length, its checksum, the payload, its checksum.

    uint64 length | uint32 masked crc32c(length) | payload | uint32 masked crc32c(payload)      (little endian)

Checksums are CRC-32C, rotated and shifted by a constant (tensorflow/core/lib/hash/crc32c.h).
"""

import hashlib
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from google_crc32c import value as crc32c

from fgtl.errors import DataError

MAX_PAYLOAD_BYTES = 2**31 - 1
"""The longest message that protocol buffers parse, TensorFlow's among them: no tf.Example may be longer."""
HEADER_BYTES = 12
FOOTER_BYTES = 4
_LENGTH = struct.Struct("<Q")
_CHECKSUM = struct.Struct("<I")


class RecordDamage(DataError):
    """A TFRecord file is not whole.

    Attributes:
        byte: offset of the damaged part in the file.
        what: "length checksum differs", "data checksum differs", how the file is truncated, or that the record is
            too large.
    """

    def __init__(self, source: str, byte: int, what: str) -> None:
        super().__init__(f"{source} byte {byte:,}: {what}.")
        self.byte, self.what = byte, what


def masked_crc(data: bytes) -> int:
    """The checksum TFRecord stores for `data`."""
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def framed(payload: bytes) -> tuple[bytes, bytes]:
    """The 12 bytes before and the 4 bytes after `payload` in a file."""
    length = _LENGTH.pack(len(payload))
    return length + _CHECKSUM.pack(masked_crc(length)), _CHECKSUM.pack(masked_crc(payload))


def unframed(record: bytes, source: str = "record", start: int = 0) -> bytes:
    """The payload of one whole record as `framed` surrounds it, checked.

    Args:
        record: header, payload and footer, nothing else.
        source, start: file name and byte offset of the record there, for the message.

    Raises:
        RecordDamage: a checksum differs, or `record` is longer or shorter than its own length says.
    """
    length = checked_length(record[:HEADER_BYTES], source, start)
    whole = HEADER_BYTES + length + FOOTER_BYTES
    if len(record) < whole:
        raise RecordDamage(source, start + len(record), f"truncated, the record goes on to byte {start + whole:,}")
    if len(record) > whole:
        raise RecordDamage(source, start, f"the record has {length:,} bytes, not {len(record) - whole + length:,}")
    payload = record[HEADER_BYTES:-FOOTER_BYTES]
    if _CHECKSUM.pack(masked_crc(payload)) != record[-FOOTER_BYTES:]:
        raise RecordDamage(source, start + HEADER_BYTES, "data checksum differs")
    return payload


def too_large(length: int) -> str:
    """What is wrong with a payload of so many bytes; "" when TensorFlow can parse it."""
    if length <= MAX_PAYLOAD_BYTES:
        return ""
    return f"the record has {length:,} bytes, TensorFlow parses at most {MAX_PAYLOAD_BYTES:,}"


def checked_length(header: bytes, source: str = "record", start: int = 0) -> int:
    """Payload length written in the 12 header bytes; RecordDamage when they are cut short or disagree, or it is too large."""
    if len(header) < HEADER_BYTES:
        raise RecordDamage(source, start + len(header), "truncated inside a record's header")
    if _CHECKSUM.pack(masked_crc(header[:8])) != header[8:]:
        raise RecordDamage(source, start, "length checksum differs")
    length = int(_LENGTH.unpack_from(header)[0])
    if too_large(length):
        raise RecordDamage(source, start, too_large(length))
    return length


class RecordWriter:
    """Appends records to a new binary file, says where each payload starts, and knows the file's size and digest."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self.bytes = 0

    @property
    def sha256(self) -> str:
        """Hex digest of everything written so far."""
        return self._digest.hexdigest()

    def write(self, payload: bytes) -> int:
        """Append one record; returns the byte offset of its payload.

        Raises:
            DataError: it is too large to be parsed; nothing is written.
        """
        if too_large(len(payload)):
            raise DataError(f"It cannot be written: {too_large(len(payload))}.")
        offset = self.bytes + HEADER_BYTES
        head, tail = framed(payload)
        for piece in (head, payload, tail):
            self._file.write(piece)
            self._digest.update(piece)
        self.bytes = offset + len(payload) + FOOTER_BYTES
        return offset


def read_records(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield (byte offset of the payload, payload) of every record, in order, one in memory at a time.

    Raises:
        RecordDamage: at the first record that is not whole, naming the byte.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        start = 0
        while header := file.read(HEADER_BYTES):
            length = checked_length(header, str(path), start)
            end = start + HEADER_BYTES + length + FOOTER_BYTES
            if end > size:
                # Before reading: a length that was made up must not become an allocation.
                raise RecordDamage(str(path), size, f"truncated, the record goes on to byte {end:,}")
            yield start + HEADER_BYTES, unframed(header + file.read(length + FOOTER_BYTES), str(path), start)
            start = end
