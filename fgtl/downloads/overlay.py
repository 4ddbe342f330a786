"""Trees put together: one seen below a folder, and several seen as one."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from fgtl.downloads.place import Place
from fgtl.downloads.tree import Listing, Tree, join
from fgtl.errors import DataError


class Mounted(Tree):
    """A tree seen below a folder: its file "a.jpg" is called "train/a.jpg" here."""

    def __init__(self, tree: Tree, folder: str) -> None:
        self._tree, self._folder = tree, folder

    def where(self, name: str = "") -> str:
        inner = self._inner(name)
        return self._tree.where() if inner is None else self._tree.where(inner)

    def is_file(self, name: str) -> bool:
        inner = self._inner(name)
        return inner is not None and self._tree.is_file(inner)

    def is_folder(self, name: str) -> bool:
        inner = self._inner(name)
        return self._leads_here(name) if inner is None else self._tree.is_folder(inner)

    def state(self, name: str) -> tuple[int, int]:
        inner = self._inner(name)
        return (-1, 0) if inner is None else self._tree.state(inner)

    def read(self, name: str) -> bytes:
        inner = self._inner(name)
        if inner is None:
            raise DataError(f"{self.where()} holds no {name}.")
        return self._tree.read(inner)

    @property
    def takes_space(self) -> bool:
        return self._tree.takes_space

    def list(self, folder: str = "") -> Listing:
        inner = self._inner(folder)
        if inner is not None:
            return self._tree.list(inner)
        next_down = self._folder[len(folder) + 1 if folder else 0 :].partition("/")[0]
        return Listing((next_down,)) if self._leads_here(folder) else Listing()

    def walk(self, folder: str = "") -> Iterator[str]:
        inner = self._inner(folder)
        if inner is not None or self._leads_here(folder):
            for name in self._tree.walk(inner or ""):
                yield join(self._folder, name)

    def place(self, name: str) -> Place:
        return self._tree.place(name[len(self._folder) + 1 :])

    def fetch(self, names: Sequence[str], folder: Path, advance: Callable[[int], None]) -> None:
        self._tree.fetch([name[len(self._folder) + 1 :] for name in names], folder, advance)

    def check_unchanged(self) -> None:
        self._tree.check_unchanged()

    def _inner(self, name: str) -> str | None:
        """The name in the mounted tree; None for a name that lies outside."""
        if name == self._folder:
            return ""
        return name[len(self._folder) + 1 :] if name.startswith(f"{self._folder}/") else None

    def _leads_here(self, folder: str) -> bool:
        """Whether a folder is above the mounted one."""
        return not folder or self._folder.startswith(f"{folder}/")


class Overlay(Tree):
    """Several trees seen as one: of a name that is in more than one, the first tree's file counts."""

    def __init__(self, trees: Sequence[Tree]) -> None:
        self._trees = tuple(trees)

    def where(self, name: str = "") -> str:
        return self._owner(name).where(name) if name else self._trees[0].where()

    def is_file(self, name: str) -> bool:
        return any(tree.is_file(name) for tree in self._trees)

    def is_folder(self, name: str) -> bool:
        return any(tree.is_folder(name) for tree in self._trees)

    def state(self, name: str) -> tuple[int, int]:
        # Not by the owner: to ask for it is a question to the disk too, and this is asked once an image.
        states = (tree.state(name) for tree in self._trees)
        return next((state for state in states if state[0] >= 0), (-1, 0))

    def read(self, name: str) -> bytes:
        return self._owner(name).read(name)

    @property
    def takes_space(self) -> bool:
        return any(tree.takes_space for tree in self._trees)

    def list(self, folder: str = "") -> Listing:
        listings = [tree.list(folder) for tree in self._trees]
        folders = {name for listing in listings for name in listing.folders}
        files = {name for listing in listings for name in listing.files}
        return Listing(tuple(sorted(folders)), tuple(sorted(files - folders)))

    def walk(self, folder: str = "") -> Iterator[str]:
        yield from sorted({name for tree in self._trees for name in tree.walk(folder)})

    def place(self, name: str) -> Place:
        return self._owner(name).place(name)

    def fetch(self, names: Sequence[str], folder: Path, advance: Callable[[int], None]) -> None:
        wanted: dict[int, list[str]] = {}
        for name in names:
            wanted.setdefault(self._trees.index(self._owner(name)), []).append(name)
        for number, owned in wanted.items():
            self._trees[number].fetch(owned, folder / str(number), advance)

    def check_unchanged(self) -> None:
        for tree in self._trees:
            tree.check_unchanged()

    def _owner(self, name: str) -> Tree:
        """The first tree that has the file; the first of all when none has, so that it says what is missing."""
        return next((tree for tree in self._trees if tree.is_file(name)), self._trees[0])
