"""The names in an archive, as folders: a few hundred bytes a member, whatever the members hold."""

from collections.abc import Iterator

from fgtl.downloads.limits import Limits, amount, beyond
from fgtl.downloads.names import clean_name, is_clutter, shown
from fgtl.downloads.tar_headers import FILE, FOLDER
from fgtl.downloads.tree import Listing, join
from fgtl.errors import DataError


class _Folder:
    __slots__ = ("files", "folders")

    def __init__(self) -> None:
        self.folders: set[str] = set()
        self.files: dict[str, int] = {}


class Index:
    """Name -> number of a file, in the order in which the files were added.

    Args:
        archive: what messages call it.
        limits: members, names, depth, and bytes of files are counted here.

    Attributes:
        files: how many files there are.
        bytes: of all of them.
        others: name -> what it is, for members that are neither file nor folder (links, devices).
    """

    def __init__(self, archive: str, limits: Limits) -> None:
        self._archive, self._limits = archive, limits
        self._folders = {"": _Folder()}
        self._names_bytes = 0
        self.files = self.bytes = 0
        self.others: dict[str, str] = {}

    def add(self, name: str, kind: str, size: int) -> int | None:
        """Enter a member.

        Args:
            name: as the archive writes it.
            kind: FILE, FOLDER, or what else it is.
            size: bytes of a file.

        Returns:
            The number of a file: `files` as it was before for a new one; that of the earlier one when a file of this
            name is there (the caller compares them). None for what is no file, or is left out (`is_clutter`).

        Raises:
            DataError: the name is refused, is two kinds of thing at once, or a limit is exceeded.
        """
        name = clean_name(name, self._archive)
        if is_clutter(name):
            return None
        if kind == FOLDER:
            self._folder(name)
            return None
        above, _, last = name.rpartition("/")
        folder = self._folder(above)
        if last in folder.folders or not name:
            raise self._two_kinds(name)
        if kind != FILE:
            if last in folder.files:
                raise self._two_kinds(name)
            self._count_name(name)
            self.others[name] = kind
            return None
        if name in self.others:
            raise self._two_kinds(name)
        number = folder.files.setdefault(last, self.files)
        if number == self.files:
            self._count_file(name, size)
        return number

    def find(self, name: str) -> int | None:
        """The number of a file; None when there is none of this name."""
        above, _, last = name.rpartition("/")
        folder = self._folders.get(above)
        return None if folder is None else folder.files.get(last)

    def is_folder(self, name: str) -> bool:
        """Whether files lie below the name, or a folder of this name was packed."""
        return name in self._folders

    def list(self, name: str) -> Listing:
        """As `Tree.list`."""
        folder = self._folders.get(name)
        return Listing(tuple(sorted(folder.folders)), tuple(sorted(folder.files))) if folder else Listing()

    def walk(self, name: str, *, hidden: bool) -> Iterator[str]:
        """Names of all files below a folder, sorted; memory: one folder's names at each depth."""
        pending = [f"{name}/"] if name in self._folders else []
        while pending:
            entry = pending.pop()
            if not entry.endswith("/"):
                yield entry
                continue
            above = entry[:-1]
            folder = self._folders[above]
            # With its slash a folder's name sorts among the files' as the whole names below it do.
            inside = [*folder.files, *(f"{inner}/" for inner in folder.folders)]
            kept = inside if hidden else [inner for inner in inside if not inner.startswith(".")]
            pending += [join(above, inner) for inner in sorted(kept, reverse=True)]

    def folders(self) -> Iterator[str]:
        """Names of all folders, each after the one it is in; the top first."""
        yield from self._folders

    def _folder(self, name: str) -> _Folder:
        found = self._folders.get(name)
        if found is not None:
            return found
        if name.count("/") >= self._limits.depth:
            raise beyond(self._archive, f"has folders {name.count('/') + 1:,} deep", f"{self._limits.depth}")
        above, _, last = name.rpartition("/")
        parent = self._folder(above)
        if last in parent.files or name in self.others:
            raise self._two_kinds(name)
        self._count_name(name)
        parent.folders.add(last)
        self._folders[name] = folder = _Folder()
        return folder

    def _count_file(self, name: str, size: int) -> None:
        if size > self._limits.file_bytes:
            raise beyond(
                self._archive,
                f"holds {shown(name)} of {amount(size)} ({size:,} bytes)",
                f"{amount(self._limits.file_bytes)} a file",
            )
        self._count_name(name)
        self.files += 1
        self.bytes += size
        if self.bytes > self._limits.total_bytes:
            raise beyond(
                self._archive,
                f"holds {amount(self.bytes)} and more",
                amount(self._limits.total_bytes),
            )

    def _count_name(self, name: str) -> None:
        self._names_bytes += len(name)
        if self._names_bytes > self._limits.names_bytes:
            raise beyond(self._archive, "holds too many long names", f"{amount(self._limits.names_bytes)} of names")

    def _two_kinds(self, name: str) -> DataError:
        return DataError(
            f"{self._archive}: '{shown(name)}' is there twice, as different kinds of thing (a file, a folder or a link).",
            expected="each name once.",
            fix="It is damaged or made to do harm: download it again from the official page.",
        )
