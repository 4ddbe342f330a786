"""Compressed tar archives: read from start to end, once for the index and once for the files that are wanted."""

import tempfile
import weakref
from array import array
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

from fgtl.downloads.archive_tree import ArchiveTree
from fgtl.downloads.limits import MIB, Limits, amount
from fgtl.downloads.names import ends_like_an_image
from fgtl.downloads.place import Place
from fgtl.downloads.source import InflatingSource
from fgtl.downloads.spool import Spool, make_spool
from fgtl.downloads.tar_headers import Member
from fgtl.downloads.tar_members import tar_members
from fgtl.errors import DataError, InputError

# Kept lists stay in memory up to here, and go to an anonymous temporary file beyond.
_KEPT_IN_MEMORY = 64 * MIB
_NOT_KEPT = -1


class CompressedTar(ArchiveTree):
    """The files of a compressed tar archive.

    What does not end like an image (lists, annotations) is kept for `read` when the archive is opened. Images are
    known by name and size until `fetch` has inflated those that are wanted.

    Args:
        path: the archive.
        kind: "gzip", "bzip2" or "xz".
        limits, nested: as `open_archive`.
        advance: called with the numbers of compressed bytes read.

    Raises:
        DataError: as `open_archive`.
    """

    def __init__(self, path: Path, kind: str, limits: Limits, *, nested: bool, advance: Callable[[int], None]) -> None:
        super().__init__(path, limits)
        self._kind, self._limits = kind, limits
        self._offsets, self._sizes, self._kept_at = array("q"), array("q"), array("q")
        self._kept = tempfile.SpooledTemporaryFile(_KEPT_IN_MEMORY)
        weakref.finalize(self, self._kept.close)
        self._spools: list[Spool] = []
        with InflatingSource(path, kind, limits, advance) as source:
            for member in tar_members(source, str(path), limits, nested=nested):
                self._enter(member, source)
            if not source.whole:
                raise DataError(
                    f"{path} ends before the end of its {kind} data, after {self.index.files:,} whole files.",
                    fix="The download is incomplete: download it again, and compare its size.",
                )

    @property
    def takes_space(self) -> bool:
        return True

    def size_of(self, number: int) -> int:
        return self._sizes[number]

    def read(self, name: str) -> bytes:
        number = self.number(name)
        at = self._kept_at[number]
        if at != _NOT_KEPT:
            self._kept.seek(at)
            return self._kept.read(self._sizes[number])
        if not ends_like_an_image(name) and not self._spooled(number):
            raise DataError(
                f"{self.where(name)}: only {amount(self._limits.kept_bytes)} beside the images are kept.",
                fix=f"Unpack the archive (fgtl unpack {self.path}) and name the folder.",
            )
        return super().read(name)

    def place(self, name: str) -> Place:
        number = self.number(name)
        place = self._spooled(number)
        if place is None:
            raise InputError(f"{self.where(name)} has no place on disk yet.", expected="fetch() with its name before.")
        return place

    def fetch(self, names: Sequence[str], folder: Path, advance: Callable[[int], None]) -> None:
        super().fetch(names, folder, advance)
        # What is inflated belongs to the one who asked for it, and goes with his folder.
        self._spools = [spool for spool in self._spools if spool.file.is_file()]
        missing = sorted({name for name in names if self._spooled(self.number(name)) is None}, key=self.number)
        advance(len(names) - len(missing))
        if missing:
            earlier = [spool.file for spool in self._spools]
            self._spools.append(make_spool(self, missing, folder, advance, earlier=earlier))

    def contents(self, names: Collection[str]) -> Iterator[tuple[str, Iterator[bytes | memoryview]]]:
        self.check_unchanged()
        with InflatingSource(self.path, self._kind, self._limits, lambda count: None) as source:
            for name in sorted(names, key=self.number):
                number = self.number(name)
                source.skip(self._offsets[number] - source.position)
                yield name, self._whole(source, self._sizes[number])

    def _whole(self, source: InflatingSource, size: int) -> Iterator[memoryview]:
        end = source.position + size
        yield from source.pieces(size)
        if source.position < end:
            raise DataError(f"{self.path} has changed since it was opened: it ends earlier.", fix="Run it again.")

    def _spooled(self, number: int) -> Place | None:
        for spool in self._spools:
            if spool.offsets[number] >= 0:
                return Place(str(spool.file), int(spool.offsets[number]), self._sizes[number])
        return None

    def _enter(self, member: Member, source: InflatingSource) -> None:
        # Of a name that comes twice the first content is gone: it cannot be compared.
        if not self.add(member.name, member.kind, member.size):
            return
        self._offsets.append(member.offset)
        self._sizes.append(member.size)
        at = self._kept.tell()
        if ends_like_an_image(member.name) or at + member.size > self._limits.kept_bytes:
            self._kept_at.append(_NOT_KEPT)
            return
        self._kept_at.append(at)
        for piece in source.pieces(member.size):
            self._kept.write(piece)
