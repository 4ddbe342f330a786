"""Read a TFRecord file from its bytes alone, past its damage: where records begin again is found by their checksums.

A record's header is its length and a CRC-32C of it. Behind damage every byte is tried as the start of a header, so that
only the damaged records are lost. Chance makes one wrong guess in 2^32 plausible lengths.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from fgtl.tfrecord import FOOTER_BYTES, HEADER_BYTES, RecordDamage, checked_length, unframed

# Most often the next record is near.
_FIRST_BLOCK, _LARGEST_BLOCK = 1 << 14, 1 << 20
_LENGTH_BYTES = 8
# No file has 2^40 bytes or more, so the upper bytes of every length are zero: a quick sieve for starts of headers.
_USED_BYTES = 5


@dataclass(frozen=True)
class Stretch:
    """The bytes from one start of a record to the next.

    Attributes:
        start: offset of the header in the file.
        payload: the record's; of a damaged one what stands in its place, None where not even its length is known.
        damage: why it cannot be read, None for a whole record.
    """

    start: int
    payload: bytes | None
    damage: RecordDamage | None = None


def scan_records(path: Path) -> Iterator[Stretch]:
    """Every stretch of a file, in order; damage may have swallowed several records in one. Memory: one record.

    Cost: as reading the records; some 2 ms for each MB that has to be searched for a header.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        start = 0
        while start < size:
            stretch, end = _stretch_at(file, start, size, str(path))
            yield stretch
            start = end


def _stretch_at(file: BinaryIO, start: int, size: int, source: str) -> tuple[Stretch, int]:
    """What begins at `start`, and where the next one does."""
    payload = None
    try:
        length = checked_length(_read(file, start, HEADER_BYTES), source, start)
        end = start + HEADER_BYTES + length + FOOTER_BYTES
        if end > size:
            raise RecordDamage(source, size, f"truncated, the record goes on to byte {end:,}")
        record = _read(file, start, end - start)
        payload = record[HEADER_BYTES:-FOOTER_BYTES]
        return Stretch(start, unframed(record, source, start)), end
    except RecordDamage as damage:
        if payload is not None and (end == size or _starts_record(_read(file, end, HEADER_BYTES), end, size)):
            return Stretch(start, payload, damage), end
        return Stretch(start, None, damage), next_header(file, start + 1, size)


def next_header(file: BinaryIO, start: int, size: int) -> int:
    """Offset of the first record that may begin at `start` or behind it; `size` when there is none."""
    first, count = start, _FIRST_BLOCK
    while first < size:
        # Headers that begin in this block and end in the next one are seen whole.
        block = _read(file, first, count + HEADER_BYTES - 1)
        for at in _plausible(np.frombuffer(block, np.uint8), size - first):
            if _starts_record(block[at : at + HEADER_BYTES], first + at, size):
                return first + at
        first, count = first + count, min(2 * count, _LARGEST_BLOCK)
    return size


def _plausible(block: np.ndarray, left: int) -> list[int]:
    """Where in `block` a length stands that is not 0 and ends before `left`, counted from the block's start."""
    count = len(block) - HEADER_BYTES + 1
    if count < 1:
        return []
    high = block[_USED_BYTES : _LENGTH_BYTES + count - 1] == 0
    upper = np.ones(count, bool)
    for byte in range(_LENGTH_BYTES - _USED_BYTES):
        upper &= high[byte : byte + count]
    found = np.flatnonzero(upper)
    lengths = sum(block[found + byte].astype(np.int64) << (8 * byte) for byte in range(_USED_BYTES))
    ends = found + HEADER_BYTES + lengths + FOOTER_BYTES
    return found[(lengths > 0) & (ends <= left)].tolist()


def _starts_record(header: bytes, start: int, size: int) -> bool:
    try:
        return start + HEADER_BYTES + checked_length(header) + FOOTER_BYTES <= size
    except RecordDamage:
        return False


def _read(file: BinaryIO, start: int, count: int) -> bytes:
    file.seek(start)
    return file.read(count)
