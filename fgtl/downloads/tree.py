"""Tree: the files of a download under one top, whatever they lie in. Readers see nothing else.

Names are relative, with slashes, "" being the top; no name ever leads out of the tree.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fgtl.downloads.place import Place


@dataclass(frozen=True, slots=True)
class Listing:
    """What is directly in a folder of a tree: plain names, sorted."""

    folders: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


class Tree(ABC):
    """The files of a download; read only."""

    @abstractmethod
    def where(self, name: str = "") -> str:
        """How messages call a file or the top: a path on disk, or "photos.zip: birds/1.jpg"."""

    @abstractmethod
    def is_file(self, name: str) -> bool:
        """Whether there is a regular file of this name."""

    @abstractmethod
    def is_folder(self, name: str) -> bool:
        """Whether there is a folder of this name; the top is one."""

    @abstractmethod
    def state(self, name: str) -> tuple[int, int]:
        """(bytes of a file's content, a number that is another one when the content probably is); (-1, 0) for no file.

        The second is a folder's file's time of change in nanoseconds, the CRC-32 of a ZIP archive's member, and the
        archive's own time of change for a member of another archive.
        """

    def size(self, name: str) -> int:
        """Bytes of a file's content, -1 when there is none."""
        return self.state(name)[0]

    @abstractmethod
    def read(self, name: str) -> bytes:
        """A file's content: for lists and annotations, not for millions of images (`place`).

        Raises:
            DataError: there is no such file, or it cannot be read.
        """

    @abstractmethod
    def list(self, folder: str = "") -> Listing:
        """What is directly in a folder, hidden names included; an empty listing when there is no such folder."""

    @abstractmethod
    def walk(self, folder: str = "") -> Iterator[str]:
        """Names (from the top) of all files below a folder, sorted; hidden ones and what is below them left out."""

    @abstractmethod
    def place(self, name: str) -> Place:
        """Where a file's bytes lie. Of a compressed archive only after `fetch`."""

    @property
    def takes_space(self) -> bool:
        """Whether `fetch` writes the files it is asked for to disk."""
        return False

    def fetch(self, names: Sequence[str], folder: Path, advance: Callable[[int], None]) -> None:  # noqa: B027
        """Make `place` work for these names, writing into `folder` where that takes disk space.

        Only compressed archives (.tar.gz and the like) need it: their chosen members are inflated, one after the
        other, into one plain file. No name of the archive becomes a name on disk. Calls `advance(1)` a file.

        Raises:
            DataError: the archive is damaged.
            OSError: no space is left; `folder` then holds nothing half-written under a final name.
        """

    def check_unchanged(self) -> None:  # noqa: B027
        """Make sure that places still lead to what they did: once for some thousand files, and when all are read.

        Raises:
            DataError: an archive has changed since it was opened. (Files of a folder are looked up one by one.)
        """

    def below(self, folder: str) -> "Tree":
        """The tree whose top is a folder of this one."""
        return Below(self, folder) if folder else self


def join(folder: str, name: str) -> str:
    """A name below a folder of a tree; "" is the top."""
    return f"{folder}/{name}" if folder and name else folder or name


class Below(Tree):
    """A folder of another tree as a tree."""

    def __init__(self, tree: Tree, folder: str) -> None:
        self._tree, self._folder = tree, folder

    def where(self, name: str = "") -> str:
        return self._tree.where(join(self._folder, name))

    def is_file(self, name: str) -> bool:
        return self._tree.is_file(join(self._folder, name))

    def is_folder(self, name: str) -> bool:
        return self._tree.is_folder(join(self._folder, name))

    def state(self, name: str) -> tuple[int, int]:
        return self._tree.state(join(self._folder, name))

    def read(self, name: str) -> bytes:
        return self._tree.read(join(self._folder, name))

    @property
    def takes_space(self) -> bool:
        return self._tree.takes_space

    def list(self, folder: str = "") -> Listing:
        return self._tree.list(join(self._folder, folder))

    def walk(self, folder: str = "") -> Iterator[str]:
        start = len(self._folder) + 1
        for name in self._tree.walk(join(self._folder, folder)):
            yield name[start:]

    def place(self, name: str) -> Place:
        return self._tree.place(join(self._folder, name))

    def fetch(self, names: Sequence[str], folder: Path, advance: Callable[[int], None]) -> None:
        self._tree.fetch([join(self._folder, name) for name in names], folder, advance)

    def check_unchanged(self) -> None:
        self._tree.check_unchanged()
