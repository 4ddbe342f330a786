"""ArchiveTree: what the trees of all archives have in common."""

from abc import abstractmethod
from collections.abc import Callable, Collection, Iterator, Sequence
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
        self.stamp = _stamp(path)

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

    def state(self, name: str) -> tuple[int, int]:
        number = self.index.find(name)
        return (-1, 0) if number is None else (self.size_of(number), self.stamp_of(number))

    def read(self, name: str) -> bytes:
        place = self.place(name)
        try:
            return read_place(place, None)  # the archive's limits hold
        except DataError as error:
            raise DataError(f"{self.where(name)}: {error}") from None

    def list(self, folder: str = "") -> Listing:
        return self.index.list(folder)

    def walk(self, folder: str = "") -> Iterator[str]:
        return self.index.walk(folder, hidden=False)

    @abstractmethod
    def size_of(self, number: int) -> int:
        """Bytes of the content of a file, by its number in the index."""

    def fetch(self, names: Sequence[str], folder: Path, advance: Callable[[int], None]) -> None:
        self.check_unchanged()

    def check_unchanged(self) -> None:
        if _stamp(self.path) != self.stamp:
            raise DataError(f"{self.path} has changed since it was opened.", fix="Run it again.")

    def add(self, name: str, kind: str, size: int, is_same: Callable[[int], bool] | None = None) -> bool:
        """Enter a member in the index.

        Args:
            name, kind, size: as for `Index.add`.
            is_same: told the number of an earlier file of this name, whether that has the same content; None where
                this cannot be found out.

        Returns:
            Whether it is a new file, whose number is the next one.

        Raises:
            DataError: as `Index.add`; or the name is there twice, and not with the same content.
        """
        count = self.index.files
        number = self.index.add(name, kind, size)
        if number == count:
            return True
        if number is not None and not (is_same and is_same(number)):
            raise DataError(
                f"{self.path}: '{shown(name)}' is there twice{', with different contents' if is_same else ''}.",
                expected="each name once.",
                fix="Unpack it with its own program (tar, unzip), for which the last one counts, and name the folder.",
            )
        return False

    def stamp_of(self, number: int) -> int:
        """What `state` gives beside the size of a file, by its number."""
        return self.stamp[1]

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


def _stamp(path: Path) -> tuple[int, int]:
    try:
        facts = path.stat()
    except FileNotFoundError:
        return -1, 0
    return facts.st_size, facts.st_mtime_ns
