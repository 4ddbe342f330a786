"""Archives as trees: opened in place, never unpacked; nothing that an archive says can lead out of it.

Formats: tar (random access), tar.gz, tar.bz2 and tar.xz (read once for the names and lists, and once more for the
images that are wanted), ZIP (random access; stored and deflated members).
"""

from pathlib import Path

from fgtl.console import Progress, warn
from fgtl.downloads.archive_tree import ArchiveTree
from fgtl.downloads.compressed_tar import CompressedTar
from fgtl.downloads.limits import MIB, USUAL, Limits
from fgtl.downloads.names import shown
from fgtl.downloads.plain_tar import PlainTar
from fgtl.downloads.sniff import archive_kind
from fgtl.downloads.zip_tree import ZipTree


def open_archive(path: Path, *, nested: bool = False, limits: Limits = USUAL) -> ArchiveTree:
    """An archive as a tree; its kind is told by its content, not by its ending.

    Links, devices and fifos are never followed: they are left out, with one warning that counts them. What a Mac adds
    ("__MACOSX", "._x", ".DS_Store") is left out silently. Shows progress.

    Args:
        path: the archive.
        nested: tar archives in the (tar) archive are folders, each named as the member without ".tar", as in the
            training images of ImageNet.
        limits: how much it may hold.

    Cost: tar: one read a member; ZIP: its directory; compressed tar: all of it is inflated once. Memory: a few
    hundred bytes a member, nothing of the contents.

    Raises:
        DataError: it does not exist, is no archive (says what it is), ends too early (says where), is damaged or
            encrypted, uses a method that fgtl lacks; a name in it is refused or there twice; it exceeds a limit.
    """
    tree = _opened(path, nested, limits)
    if tree.index.others:
        name, kind = next(iter(tree.index.others.items()))
        warn(
            f"{path}: {len(tree.index.others):,} members are no files and are left out (links, devices); "
            f"{shown(name)} is {kind}, for one."
        )
    return tree


def _opened(path: Path, nested: bool, limits: Limits) -> ArchiveTree:
    kind = archive_kind(path)
    if kind == "zip":
        return ZipTree(path, limits)
    with Progress(f"read {path.name}", path.stat().st_size // MIB, unit="MiB") as progress:
        passed = _Mebibytes(progress)
        if kind == "tar":
            return PlainTar(path, limits, nested=nested, advance=passed)
        return CompressedTar(path, kind, limits, nested=nested, advance=passed)


class _Mebibytes:
    """Counts bytes for a bar in MiB, which is moved only when one is full."""

    def __init__(self, progress: Progress) -> None:
        self._progress, self._bytes = progress, 0

    def __call__(self, count: int) -> None:
        self._bytes += count
        if self._bytes >= MIB:
            self._progress.advance(self._bytes // MIB)
            self._bytes %= MIB
