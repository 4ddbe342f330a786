"""Tar archives that are not compressed: every file is a slice of the archive."""

from array import array
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from fgtl.downloads.archive_tree import ArchiveTree
from fgtl.downloads.limits import Limits
from fgtl.downloads.place import Place, place_pieces
from fgtl.downloads.source import PlainSource
from fgtl.downloads.tar_headers import Member
from fgtl.downloads.tar_members import tar_members


class PlainTar(ArchiveTree):
    """The files of a tar archive.

    Args:
        path: the archive.
        limits, nested: as `open_archive`.
        advance: called with the numbers of bytes passed.

    Cost: one header is read for each member, nothing of the contents. Memory: the index, 16 bytes a file besides.

    Raises:
        DataError: as `open_archive`.
    """

    def __init__(self, path: Path, limits: Limits, *, nested: bool, advance: Callable[[int], None]) -> None:
        super().__init__(path, limits)
        self._offsets, self._sizes = array("q"), array("q")
        done = 0
        with path.open("rb") as file:
            for member in tar_members(PlainSource(file, path.stat().st_size), str(path), limits, nested=nested):
                self._enter(member)
                advance(member.offset - done)
                done = member.offset

    def size_of(self, number: int) -> int:
        return self._sizes[number]

    def place(self, name: str) -> Place:
        return self._place(self.number(name))

    def contents(self, names: Collection[str]) -> Iterator[tuple[str, Iterator[bytes | memoryview]]]:
        self.check_unchanged()
        for name in sorted(names, key=self.number):
            yield name, place_pieces(self.place(name))

    def _place(self, number: int) -> Place:
        return Place(str(self.path), self._offsets[number], self._sizes[number])

    def _enter(self, member: Member) -> None:
        # A name may come again (tar --append), but only with the same content: fgtl could not tell which one counts.
        def is_same(number: int) -> bool:
            again = Place(str(self.path), member.offset, member.size)
            pairs = zip(place_pieces(self._place(number)), place_pieces(again), strict=True)
            return member.size == self._sizes[number] and all(first == second for first, second in pairs)

        if self.add(member.name, member.kind, member.size, is_same):
            self._offsets.append(member.offset)
            self._sizes.append(member.size)
