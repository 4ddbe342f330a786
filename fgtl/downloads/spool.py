"""Spool: the wanted files of a compressed archive, one after the other in one plain file.

After the contents come the files' numbers in the archive (int64), how many they are (int64) and eight bytes of magic,
so that a later run can see what is there.
"""

import hashlib
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fgtl.downloads.archive_tree import ArchiveTree
from fgtl.downloads.limits import MIB, amount
from fgtl.errors import DataError
from fgtl.files import PARTIAL, atomic_path

_ENDING = ".spool"
_MAGIC = b"fgtl-sp1"
_INT = np.dtype("<i8")
_TAIL = _INT.itemsize + len(_MAGIC)


@dataclass(frozen=True)
class Spool:
    """A whole spool.

    Attributes:
        file: on disk.
        offsets: (files of the archive,) int64: where each begins in the spool; -1 for those that are not in it.
    """

    file: Path
    offsets: np.ndarray


def make_spool(
    tree: ArchiveTree, names: Sequence[str], folder: Path, advance: Callable[[int], None], *, earlier: Sequence[Path]
) -> Spool:
    """Inflate files of an archive into one file in `folder`, or use one that an earlier run left there.

    Args:
        tree: the archive.
        names: of the files, in the order of the archive, each once.
        folder: for spools of this archive only: those that do not hold all of `names` are removed.
        advance: called with 1 after each file.
        earlier: spools in `folder` that are still needed.

    Raises:
        DataError: the archive is damaged, or the disk has too little space.
        OSError: writing failed; nothing is left.
    """
    numbers = np.fromiter(map(tree.number, names), _INT, len(names))
    # The same state of the archive, read in the same way, has the same numbers.
    identity = _digest(repr((tree.stamp, tree.index.files, tree.index.bytes)).encode())
    folder.mkdir(parents=True, exist_ok=True)
    for entry in folder.iterdir():
        if entry.suffix not in (_ENDING, PARTIAL) or entry in earlier:
            continue
        left = _read_spool(tree, entry) if entry.name.startswith(identity) and entry.suffix == _ENDING else None
        if left is not None and np.all(left.offsets[numbers] >= 0):
            advance(len(names))
            return left
        entry.unlink()
    return _write_spool(tree, names, numbers, folder / f"{identity}-{_digest(numbers.tobytes())}{_ENDING}", advance)


def require_space(folder: Path, needed: int, archive: str) -> None:
    """DataError when the disk of a folder has less than `needed` bytes left."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DataError(
            f"{archive}: its files take {amount(needed)}, but {folder} has {amount(free)} left.",
            fix="Free space, or name a folder on another disk.",
        )


def _write_spool(
    tree: ArchiveTree, names: Sequence[str], numbers: np.ndarray, path: Path, advance: Callable[[int], None]
) -> Spool:
    spool = Spool(path, _offsets(tree, numbers))
    require_space(path.parent, sum(map(tree.size, names)) + numbers.nbytes + _TAIL, tree.where())
    with atomic_path(path) as partial, partial.open("wb", buffering=MIB) as file:
        for _, pieces in tree.contents(names):
            for piece in pieces:
                file.write(piece)
            advance(1)
        file.write(numbers.tobytes() + _INT.type(len(numbers)).tobytes() + _MAGIC)
    return spool


def _read_spool(tree: ArchiveTree, path: Path) -> Spool | None:
    """The spool that an earlier run left, None when it is not whole."""
    size = path.stat().st_size
    if size < _TAIL:
        return None
    with path.open("rb") as file:
        file.seek(size - _TAIL)
        tail = file.read()
        count = int.from_bytes(tail[: _INT.itemsize], "little")
        start = size - _TAIL - count * _INT.itemsize
        if not tail.endswith(_MAGIC) or start < 0 or count > tree.index.files:
            return None
        file.seek(start)
        numbers = np.frombuffer(file.read(count * _INT.itemsize), _INT)
    if np.any(numbers < 0) or np.any(numbers >= tree.index.files):
        return None
    if sum(map(tree.size_of, numbers.tolist())) != start:
        return None
    return Spool(path, _offsets(tree, numbers))


def _offsets(tree: ArchiveTree, numbers: np.ndarray) -> np.ndarray:
    sizes = np.fromiter(map(tree.size_of, numbers.tolist()), np.int64, len(numbers))
    offsets = np.full(tree.index.files, -1, np.int64)
    offsets[numbers] = np.cumsum(sizes) - sizes
    return offsets


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
