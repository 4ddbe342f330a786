"""A folder on disk as a tree."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from fgtl.downloads.limits import USUAL
from fgtl.downloads.place import Place, read_place
from fgtl.downloads.tree import Listing, Tree, join
from fgtl.errors import DataError


class FolderTree(Tree):
    """The files below a folder. Links are followed, except links to folders in `walk` and those that lead back up.

    Args:
        root: the folder; it must exist.
    """

    def __init__(self, root: Path) -> None:
        self._top = str(root)

    def where(self, name: str = "") -> str:
        return self._path(name)

    def is_file(self, name: str) -> bool:
        return os.path.isfile(self._path(name))  # noqa: PTH113 (once an image: pathlib takes twice as long)

    def is_folder(self, name: str) -> bool:
        return Path(self._path(name)).is_dir()

    def state(self, name: str) -> tuple[int, int]:
        try:
            facts = os.stat(self._path(name))  # noqa: PTH116 (as above)
        except (OSError, ValueError):  # a name with a NUL is a ValueError
            return -1, 0
        return (facts.st_size, facts.st_mtime_ns) if stat.S_ISREG(facts.st_mode) else (-1, 0)

    def read(self, name: str) -> bytes:
        try:
            return read_place(self.place(name), USUAL.file_bytes)
        except FileNotFoundError:
            raise DataError(f"{self._path(name)} does not exist.") from None
        except DataError as error:
            raise DataError(f"{self._path(name)}: {error}") from None
        except OSError as error:
            raise DataError(f"{self._path(name)} cannot be read: {error.strerror}.") from None

    def list(self, folder: str = "") -> Listing:
        path = Path(self._path(folder))
        if not path.is_dir():
            return Listing()
        entries = sorted(path.iterdir())
        here = path.resolve()
        folders = [
            entry.name
            for entry in entries
            if entry.is_dir() and not (entry.is_symlink() and here.is_relative_to(entry.resolve()))
        ]
        return Listing(tuple(folders), tuple(entry.name for entry in entries if entry.is_file()))

    def walk(self, folder: str = "") -> Iterator[str]:
        # A folder at a time, as strings: with millions of images, a stat and a Path object each would be most of it.
        pending = [f"{folder}/"]
        while pending:
            entry = pending.pop()
            if not entry.endswith("/"):
                yield entry
            elif os.path.isdir(self._path(entry[:-1])):  # noqa: PTH112 (as above)
                pending += [join(entry[:-1], name) for name in sorted(self._unhidden(entry[:-1]), reverse=True)]

    def _unhidden(self, folder: str) -> Iterator[str]:
        """What `walk` looks at in a folder; with its slash a folder sorts as the whole names below it do."""
        with os.scandir(self._path(folder)) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir():
                    if not entry.is_symlink():
                        yield f"{entry.name}/"
                elif entry.is_file() or entry.is_symlink():  # a link to nothing is somebody's lost image
                    yield entry.name

    def place(self, name: str) -> Place:
        return Place(self._path(name))

    def _path(self, name: str) -> str:
        return join(self._top, name)
