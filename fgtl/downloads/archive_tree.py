"""ArchiveTree: what the trees of all archives have in common."""

from abc import abstractmethod
from collections.abc import Collection, Iterator
from pathlib import Path

from fgtl.downloads.index import Index
from fgtl.downloads.limits import Limits
from fgtl.downloads.names import shown
from fgtl.downloads.place import read_place
from fgtl.downloads.tree import Listing, Tree
from fgtl.errors import DataError


class ArchiveTree(Tree):
    """The files of an archive, found by its index. Links, devices and the like are no files; they are never followed.

    Args:
        path: the archive.
        limits: what it may hold.

    Attributes:
        index: its names; each kind of archive fills it.
        stamp: size and time of the archive, which tell whether it has changed.
    """

    def __init__(self, path: Path, limits: Limits) -> None:
        self.path = path
        self.index = Index(str(path), limits)
        facts = path.stat()
        self.stamp = facts.st_size, facts.st_mtime_ns

    def where(self, name: str = "") -> str:
        if not name:
            return str(self.path)
        # Said here, so that whoever reports the file as missing says why it is.
        kind = self.index.others.get(name)
        return f"{self.path}: {shown(name)} ({kind}, not a file)" if kind else f"{self.path}: {shown(name)}"

    def is_file(self, name: str) -> bool:
        return self.index.find(name) is not None

    def is_folder(self, name: str) -> bool:
        return self.index.is_folder(name)

    def size(self, name: str) -> int:
        number = self.index.find(name)
        return -1 if number is None else self.size_of(number)

    def read(self, name: str) -> bytes:
        place = self.place(name)
        try:
            return read_place(place)
        except DataError as error:
            raise DataError(f"{self.where(name)}: {error}") from None

    def list(self, folder: str = "") -> Listing:
        return self.index.list(folder)

    def walk(self, folder: str = "") -> Iterator[str]:
        return self.index.walk(folder, hidden=False)

    @abstractmethod
    def size_of(self, number: int) -> int:
        """Bytes of the content of a file, by its number in the index."""

    @abstractmethod
    def contents(self, names: Collection[str]) -> Iterator[tuple[str, Iterator[bytes | memoryview]]]:
        """Files in the order of the archive, each with its content in pieces of at most 1 MiB.

        A file's pieces must be taken before the next file is asked for.

        Raises:
            DataError: there is no such file, the archive is damaged, or it has changed since it was opened; also
                while pieces are taken.
        """

    def number(self, name: str) -> int:
        """The number of a file; DataError when there is none of this name, saying what there is instead."""
        number = self.index.find(name)
        if number is not None:
            return number
        kind = self.index.others.get(name)
        if kind:
            raise DataError(f"{self.path}: {shown(name)} is {kind}, not a file.", fix="Unpack it and name the folder.")
        raise DataError(f"{self.path} holds no file '{shown(name)}'.")
