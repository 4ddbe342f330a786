"""Unpacking an archive where nothing in it can do harm: regular files only, in a folder that did not exist before."""

import dataclasses
import os
import unicodedata
from pathlib import Path

from fgtl.console import Progress
from fgtl.downloads.archive_tree import ArchiveTree
from fgtl.downloads.archives import open_archive
from fgtl.downloads.limits import USUAL, Limits
from fgtl.downloads.names import shown
from fgtl.downloads.spool import require_space
from fgtl.errors import DataError
from fgtl.files import atomic_folder, clear_leftovers

# Never through a link, never into a file that is there.
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def unpack(archive: Path, target: Path, *, nested: bool = False, limits: Limits = USUAL) -> ArchiveTree:
    """Write an archive's files and folders below `target`, all of them or none.

    The whole archive is read and checked before the first file is written. Permissions, owners and times are not
    taken over. What a Mac adds is left out, as `open_archive` does. Shows progress.

    Args:
        archive: tar (also compressed) or ZIP.
        target: a folder that does not exist yet, or an empty one.
        nested, limits: as `open_archive`.

    Returns:
        The archive, for what it holds (`index.files`, `index.bytes`).

    Raises:
        DataError: as `open_archive`; it holds links or devices, or names that differ only in case; `target` holds
            something; the disk has too little space.
        OSError: writing failed. Nothing is left at `target`.
    """
    if target.is_symlink() or (target.exists() and not (target.is_dir() and not any(target.iterdir()))):
        raise DataError(f"{target} is there already.", expected="a new or empty folder.", fix="Name another one.")
    # Nothing is read by name here.
    tree = open_archive(archive, nested=nested, limits=dataclasses.replace(limits, kept_bytes=0))
    _refuse_others(tree)
    _refuse_twins(tree)
    target.parent.mkdir(parents=True, exist_ok=True)
    clear_leftovers(target)
    require_space(target.parent, tree.index.bytes, str(archive))
    with atomic_folder(target) as partial:
        for folder in tree.index.folders():
            (partial / folder).mkdir(exist_ok=True)
        _write_files(tree, partial)
    return tree


def _write_files(tree: ArchiveTree, folder: Path) -> None:
    names = list(tree.index.walk("", hidden=True))
    with Progress(f"unpack {tree.path.name}", len(names), unit="files") as progress:
        for name, pieces in tree.contents(names):
            with os.fdopen(os.open(folder / name, _CREATE, 0o666), "wb", buffering=0) as file:
                try:
                    for piece in pieces:
                        _write(file.fileno(), piece)
                except DataError as error:
                    raise DataError(f"{tree.where(name)}: {error}") from None
            progress.advance(1)


def _write(handle: int, piece: bytes | memoryview) -> None:
    # A write may take a part only, when the disk becomes full: the next one then says so.
    view = memoryview(piece)
    while view:
        view = view[os.write(handle, view) :]


def _refuse_others(tree: ArchiveTree) -> None:
    for name, kind in tree.index.others.items():
        raise DataError(
            f"{tree.path}: {shown(name)} is {kind}, not a file; {len(tree.index.others):,} members are none.",
            expected="files and folders only: links can lead out of the folder.",
            fix="fgtl convert reads the archive without them.",
        )


def _refuse_twins(tree: ArchiveTree) -> None:
    """Names that are one on disks that ignore case, or the way an accent is written."""
    for folder in tree.index.folders():
        listing = tree.list(folder)
        seen: dict[str, str] = {}
        for name in (*listing.folders, *listing.files):
            first = seen.setdefault(unicodedata.normalize("NFC", name.casefold()), name)
            if first != name:
                raise DataError(
                    f"{tree.where(folder)}: '{shown(first)}' and '{shown(name)}' differ only in case or in the form of accents.",
                    expected="names that every disk can tell apart.",
                    fix="fgtl convert reads the archive as it is; another tool can unpack it where case counts.",
                )
