"""The members of a tar archive, from its headers: ustar, GNU and pax.

The standard library's parser is not used: it ends silently at the first damaged header, reads extended headers of any
size into memory, and takes five times as long, which counts with millions of members.
Format: POSIX.1-2024, "pax", ustar and pax interchange formats; GNU tar manual, "Basic Tar Format".
"""

from collections.abc import Iterator
from typing import NamedTuple

from fgtl.downloads.limits import Limits, beyond
from fgtl.downloads.names import decode_name, shown
from fgtl.downloads.source import DAMAGED, Source
from fgtl.errors import DataError

BLOCK = 512
FILE, FOLDER = "file", "folder"

_FILES = (b"0", b"\0", b"7")
_EMPTY_KINDS = {
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a device",
    b"4": "a device",
    b"5": FOLDER,
    b"6": "a fifo",
}
_PAX, _PAX_GLOBAL, _LONG_NAME, _LONG_LINK = (b"x", b"X"), b"g", b"L", b"K"
_EXTENSIONS = (*_PAX, _PAX_GLOBAL, _LONG_NAME, _LONG_LINK)
_SPARSE, _VOLUME = b"S", b"V"
_ZEROS = bytes(BLOCK * 128)


class Member(NamedTuple):
    """One member.

    Attributes:
        name: as it is written; not to be trusted.
        kind: FILE, FOLDER, or what else it is ("a hard link").
        offset: position of its content in the source.
        size: bytes of its content.
    """

    name: str
    kind: str
    offset: int
    size: int


class _Header(NamedTuple):
    name: bytes
    type: bytes
    size: int


class _BadHeader(ValueError):
    """Why a block is no header."""


class TarReader:
    """Iterates over the members of a tar archive; strict, so that no damage can shorten it silently.

    When a member is handed out, the source stands at its content, which may be read or left.

    Args:
        source: stands at the first header.
        archive: what messages call it.
        limits: those of headers and files are enforced here.

    Raises while iterating:
        DataError: a header is damaged or lies, the archive ends inside a member, a limit is exceeded, or another
            archive follows after the end of this one.
    """

    def __init__(self, source: Source, archive: str, limits: Limits) -> None:
        self._source, self._archive, self._limits = source, archive, limits
        self._last = ""
        self._start = self._count = 0

    def __iter__(self) -> Iterator[Member]:
        said = None  # fields of the next member that extended headers replace
        while header := self._next_header():
            if header.type in _EXTENSIONS:
                said = self._extended(header, said)
                continue
            member = self._member(header, said or {})
            said = None
            if header.type != _VOLUME:
                yield member
            self._pass(member)
        if said is not None:
            raise self._ends(f"before the member of an extended header, {self._after()}")

    def _next_header(self) -> _Header | None:
        self._start = self._source.position
        block = self._source.read(BLOCK)
        if not block and not self._count:
            raise DataError(
                f"{self._archive} holds nothing, not even the end mark of an empty tar archive.", fix=DAMAGED
            )
        if block == _ZEROS[: len(block)]:  # the end mark, or the end of the file where it is missing
            self._refuse_more()
            return None
        if len(block) < BLOCK:
            raise self._ends(f"in a header, {self._after()}")
        self._count += 1
        if self._count > self._limits.members:
            raise beyond(self._archive, f"has more than {self._limits.members:,} members", f"{self._limits.members:,}")
        try:
            return _parse(block)
        except _BadHeader as reason:
            raise self._damaged(str(reason)) from None

    def _member(self, header: _Header, said: dict[str, bytes]) -> Member:
        text = decode_name(said.get("path", header.name))
        kind = _EMPTY_KINDS.get(header.type) or (FILE if header.type in _FILES else f"of the type {header.type!r}")
        size = 0 if header.type in _EMPTY_KINDS else int(said.get("size", header.size))
        if header.type == _SPARSE:
            raise self._sparse(shown(text))
        if kind == FILE and text.endswith("/"):  # how the first tar wrote folders
            if size:
                raise self._damaged(f"'{shown(text)}' is a folder with content")
            kind = FOLDER
        if self._source.end is not None and self._source.position + size > self._source.end:
            raise self._ends(f"inside {shown(text)}")
        self._last = text
        return Member(text, kind, self._source.position, size)

    def _pass(self, member: Member) -> None:
        left = member.offset + member.size - self._source.position
        if left > 0 and self._source.skip(left) < left:
            raise self._ends(f"inside {shown(member.name)}")
        self._source.skip(-member.size % BLOCK)

    def _extended(self, header: _Header, said: dict[str, bytes] | None) -> dict[str, bytes] | None:
        """What is said of the next member, with what this extended header adds."""
        if header.size > self._limits.header_bytes:
            raise beyond(
                self._archive,
                f"has an extended header of {header.size:,} bytes {self._after()}",
                f"{self._limits.header_bytes:,} bytes",
            )
        content = self._source.read(header.size)
        if len(content) < header.size:
            raise self._ends(f"in an extended header, {self._after()}")
        self._source.skip(-header.size % BLOCK)
        if header.type == _LONG_NAME:
            return {**(said or {}), "path": content.partition(b"\0")[0]}
        if header.type == _LONG_LINK:
            return said or {}
        found = self._pax_fields(content)
        if header.type != _PAX_GLOBAL:
            return {**(said or {}), **found}
        if found:
            raise self._damaged(f"a global header sets {next(iter(found))!r} of all members")
        return said

    def _pax_fields(self, content: bytes) -> dict[str, bytes]:
        """The fields that matter of a pax header: records of the form "LENGTH KEY=VALUE\\n"."""
        fields, at = {}, 0
        while at < len(content):
            digits, space, _ = content[at : at + 20].partition(b" ")
            end = at + (int(digits) if digits.isdigit() else 0)
            key, equals, value = content[at + len(digits) + 1 : end - 1].partition(b"=")
            if not (space and equals and at < end <= len(content) and content[end - 1] == ord("\n")):
                raise self._damaged("an extended header has a broken record")
            if key.startswith(b"GNU.sparse"):
                raise self._sparse("a member")
            if key == b"size" and not (value.isdigit() and len(value) <= 18):
                raise self._damaged(f"the size {value[:20]!r} is no number of bytes")
            if key in (b"path", b"size"):
                fields[key.decode()] = value
            at = end
        return fields

    def _refuse_more(self) -> None:
        """After the end only padding may follow: what another archive holds would be lost."""
        while True:
            start = self._source.position
            rest = self._source.read(len(_ZEROS))
            if not rest:
                return
            if rest == _ZEROS[: len(rest)]:
                continue
            for at in range(0, len(rest) - BLOCK + 1, BLOCK):
                if rest[at] and has_checksum(rest[at : at + BLOCK]):
                    raise DataError(
                        f"{self._archive}: after its end, at byte {start + at:,}, another archive begins.",
                        expected="one archive; what follows would be lost.",
                        fix="Unpack it with tar --ignore-zeros and name the folder.",
                    )

    def _ends(self, where: str) -> DataError:
        """The error of an archive that was cut."""
        return DataError(
            f"{self._archive} ends {where}.", fix="The download is incomplete: download it again, and compare its size."
        )

    def _damaged(self, reason: str) -> DataError:
        if self._count == 1:
            return DataError(f"{self._archive} holds no tar archive: {reason}.", fix=DAMAGED)
        return DataError(f"{self._archive} is damaged at byte {self._start:,}, {self._after()}: {reason}.", fix=DAMAGED)

    def _after(self) -> str:
        return f"after {shown(self._last)}" if self._last else "at its start"

    def _sparse(self, name: str) -> DataError:
        return DataError(
            f"{self._archive}: {name} is stored as a sparse file, which fgtl does not read.",
            fix="Unpack it with tar and name the folder, or pack it anew without --sparse.",
        )


def has_checksum(block: bytes) -> bool:
    """Whether a block's checksum is that of a tar header."""
    try:
        expected = _number(block[148:156])
    except _BadHeader:
        return False
    rest = block[:148] + block[156:]
    found = sum(rest) + 8 * ord(" ")
    # Some early programs summed signed characters.
    return expected == found or expected == found - 256 * sum(byte > 127 for byte in rest)


def _parse(block: bytes) -> _Header:
    if not has_checksum(block):
        raise _BadHeader("no header is there, or its checksum is wrong")
    name = block[:100].partition(b"\0")[0]
    if block[257:263] == b"ustar\0" and block[345]:
        name = block[345:500].partition(b"\0")[0] + b"/" + name
    return _Header(name, block[156:157], _number(block[124:136]))


def _number(field: bytes) -> int:
    """An octal number in ASCII, or a larger one in base 256 (first bit set)."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    digits = field.partition(b"\0")[0].strip(b" ")
    if not digits:
        return 0
    try:
        value = int(digits, 8)
    except ValueError:
        value = -1
    if value < 0 or not digits.isdigit():
        raise _BadHeader(f"the size or checksum {digits[:12]!r} is no number of bytes")
    return value
