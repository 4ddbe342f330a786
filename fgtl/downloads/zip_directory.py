"""The directory of a ZIP archive: what its members are, and where.

The standard library's reader is not used: it makes an object of about 1 kB for every member, trusts sizes, and reads
entries that overlap. Format: PKWARE, "APPNOTE.TXT - .ZIP File Format Specification", version 6.3, sections 4.3 to 4.5.
"""

import stat
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from fgtl.downloads.limits import Limits, beyond
from fgtl.downloads.names import decode_name, shown
from fgtl.downloads.source import DAMAGED
from fgtl.downloads.tar_headers import FILE, FOLDER
from fgtl.errors import DataError

STORED, DEFLATED = 0, 8
LOCAL = struct.Struct("<4s5H3L2H")
LOCAL_MAGIC = b"PK\x03\x04"

_ENTRY, _ENTRY_MAGIC = struct.Struct("<4s6H3L5H2L"), b"PK\x01\x02"
_END, _END_MAGIC = struct.Struct("<4s4H2LH"), b"PK\x05\x06"
_END64, _END64_MAGIC = struct.Struct("<4sQ2H2L4Q"), b"PK\x06\x06"
_LOCATOR, _LOCATOR_MAGIC = struct.Struct("<4sLQL"), b"PK\x06\x07"
_ENCRYPTED = 1 << 0 | 1 << 6 | 1 << 13
_UTF8 = 1 << 11
_FULL16, _FULL32 = 0xFFFF, 0xFFFFFFFF
_ZIP64 = 1
_UNIX_HOSTS = (3, 19)  # Unix, Darwin
_METHODS = {1: "shrunk", 6: "imploded", 9: "Deflate64", 12: "bzip2", 14: "LZMA", 93: "Zstandard", 95: "XZ", 98: "PPMd"}


class Entry(NamedTuple):
    """A member as the directory gives it.

    Attributes:
        name: as it is written; not to be trusted.
        raw_name: its bytes.
        kind: FILE, FOLDER, or what else it is.
        method: STORED or DEFLATED.
        crc32, packed, size: of the content: checksum, bytes in the archive, bytes inflated.
        offset: of the local header.
    """

    name: str
    raw_name: bytes
    kind: str
    method: int
    crc32: int
    packed: int
    size: int
    offset: int

    @property
    def end(self) -> int:
        """The least byte after it (its local header may have more fields than the directory says)."""
        return self.offset + LOCAL.size + len(self.raw_name) + self.packed


class Directory(NamedTuple):
    """Where the directory lies, and how many entries it has."""

    offset: int
    size: int
    entries: int


def find_directory(file: BinaryIO, path: Path) -> Directory:
    """Read the end of a ZIP archive.

    Raises:
        DataError: it has no end (incomplete), or is a part of several.
    """
    archive_size = file.seek(0, 2)
    start = max(0, archive_size - _END.size - _FULL16)
    file.seek(start)
    tail = file.read()
    at = tail.rfind(_END_MAGIC)
    # The comment may hold anything, but must end with the file.
    while at >= 0 and not (
        len(tail) - at >= _END.size and at + _END.size + _END.unpack_from(tail, at)[-1] == len(tail)
    ):
        at = tail.rfind(_END_MAGIC, 0, at)
    if at < 0:
        raise DataError(
            f"{path} starts as a ZIP archive, but its directory, which is at the end, is missing.",
            fix=f"The download is incomplete: download it again. It has {archive_size:,} bytes now.",
        )
    _, disk, first_disk, _, entries, size, offset, _ = _END.unpack_from(tail, at)
    end = start + at
    if at >= _LOCATOR.size and tail[at - _LOCATOR.size :].startswith(_LOCATOR_MAGIC):
        _, disk, end, _ = _LOCATOR.unpack_from(tail, at - _LOCATOR.size)
        file.seek(min(end, archive_size))
        record = file.read(_END64.size)
        if len(record) < _END64.size or not record.startswith(_END64_MAGIC):
            raise _damaged(path, "its ZIP64 end record is not where its locator says")
        *_, first_disk, _, entries, size, offset = _END64.unpack(record)
    if disk or first_disk:
        raise DataError(f"{path} is a part of a ZIP archive in several parts.", fix="Unpack it with its own program.")
    if offset + size > end or entries * _ENTRY.size > size:
        raise _damaged(path, "its directory is not where its end says")
    return Directory(offset, size, entries)


def read_directory(file: BinaryIO, path: Path, directory: Directory, limits: Limits) -> Iterator[Entry]:
    """The entries of the directory, in its order. Memory: one entry.

    Raises:
        DataError: the directory is damaged; a member is encrypted, uses another method than stored and deflated,
            exceeds a limit, or lies outside the archive.
    """
    if directory.entries > limits.members:
        raise beyond(str(path), f"has {directory.entries:,} members", f"{limits.members:,}")
    file.seek(directory.offset)
    for _ in range(directory.entries):
        entry = _read_entry(file, path)
        if entry.end > directory.offset:
            raise _damaged(path, f"'{shown(entry.name)}' does not lie before its directory")
        if entry.size > limits.inflated(entry.packed):
            raise beyond(
                str(path),
                f"holds '{shown(entry.name)}', which inflates from {entry.packed:,} to {entry.size:,} bytes",
                limits.growth,
            )
        yield entry
    if file.tell() != directory.offset + directory.size:
        raise _damaged(path, f"its directory has more or fewer than its {directory.entries:,} entries")


def _read_entry(file: BinaryIO, path: Path) -> Entry:
    fixed = file.read(_ENTRY.size)
    if len(fixed) < _ENTRY.size or not fixed.startswith(_ENTRY_MAGIC):
        raise _damaged(path, "its directory ends early or holds something else")
    (_, made_by, _, flags, method, _, _, crc32, packed, size, *lengths, disk, _, attributes, offset) = _ENTRY.unpack(
        fixed
    )
    name_length, extra_length, comment_length = lengths
    raw = file.read(name_length)
    extra = file.read(extra_length)
    file.seek(comment_length, 1)
    name = decode_entry_name(raw, flags)
    if flags & _ENCRYPTED:
        raise DataError(
            f"{path}: '{shown(name)}' is encrypted.", fix="Unpack it with its password and name the folder."
        )
    if method not in (STORED, DEFLATED):
        raise DataError(
            f"{path}: '{shown(name)}' is packed by the method {_METHODS.get(method, method)}.",
            expected="stored or deflated members.",
            fix="Unpack it with another program (7z, unzip) and name the folder.",
        )
    size, packed, offset = _wide(extra, [size, packed, offset], path, name)
    if method == STORED and size != packed:
        raise _damaged(path, f"'{shown(name)}' is stored, but has two sizes")
    if disk not in (0, _FULL16):
        raise _damaged(path, f"'{shown(name)}' is said to be in another part")
    kind = _kind(name, made_by >> 8, attributes)
    if kind == FOLDER and size:
        raise _damaged(path, f"'{shown(name)}' is a folder with content")
    return Entry(name, raw, kind, method, crc32, packed, size, offset)


def decode_entry_name(raw: bytes, flags: int) -> str:
    """UTF-8 where it is said or looks like it (many programs do not say so), otherwise IBM code page 437."""
    if raw.isascii() or flags & _UTF8:
        return decode_name(raw)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp437")


def _kind(name: str, host: int, attributes: int) -> str:
    mode = stat.S_IFMT(attributes >> 16) if host in _UNIX_HOSTS else 0
    if mode == stat.S_IFLNK:
        return "a symbolic link"
    if mode not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "a device or fifo"
    return FOLDER if name.endswith("/") else FILE


def _wide(extra: bytes, values: list[int], path: Path, name: str) -> list[int]:
    """Sizes and offset, those that do not fit 32 bits from the ZIP64 field."""
    if _FULL32 not in values:
        return values
    at = 0
    while at + 4 <= len(extra):
        tag, length = struct.unpack_from("<2H", extra, at)
        field = extra[at + 4 : at + 4 + length]
        at += 4 + length
        if tag != _ZIP64:
            continue
        wanted = [place for place, value in enumerate(values) if value == _FULL32]
        if len(field) < 8 * len(wanted):
            break
        for place, wide in zip(wanted, struct.iter_unpack("<Q", field[: 8 * len(wanted)]), strict=True):
            values[place] = wide[0]
        return values
    raise _damaged(path, f"'{shown(name)}' lacks its ZIP64 sizes")


def _damaged(path: Path, reason: str) -> DataError:
    return DataError(f"{path} is damaged: {reason}.", fix=DAMAGED)
