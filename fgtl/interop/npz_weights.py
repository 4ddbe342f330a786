"""Arrays of an .npz by the names of `fgtl import-weights --list`; never a pickle."""

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np

from fgtl.errors import DataError
from fgtl.interop.matching import Shape

_ENDING = ".npy"


def is_npz(path: Path, start: bytes) -> bool:
    """Whether the file with these first bytes is a zip archive of .npy members only."""
    if not start.startswith(b"PK"):
        return False
    with _opened(path) as archive:
        names = archive.namelist()
        return bool(names) and all(name.endswith(_ENDING) for name in names)


def npz_shapes(path: Path) -> dict[str, Shape]:
    """Shape of each array, from the members' headers.

    Raises:
        DataError: damaged, or a member that holds objects (a pickle) instead of numbers.
    """
    with _opened(path) as archive:
        return {name.removesuffix(_ENDING): _header(archive, name, path) for name in archive.namelist()}


def read_npz_array(path: Path, name: str) -> np.ndarray:
    """One array; as many bytes are read as its header asks for, whatever the archive claims."""
    with _opened(path) as archive, archive.open(name + _ENDING) as member:
        return np.lib.format.read_array(member, allow_pickle=False)


def _header(archive: zipfile.ZipFile, name: str, path: Path) -> Shape:
    with archive.open(name) as member:
        shape, dtype = _read_header(member)
    if dtype.kind not in "fiub":
        raise DataError(f"{path}: {name.removesuffix(_ENDING)} is of type {dtype}.", expected="numbers.")
    return shape


def _read_header(member: IO[bytes]) -> tuple[Shape, np.dtype]:
    if np.lib.format.read_magic(member) == (1, 0):
        shape, _, dtype = np.lib.format.read_array_header_1_0(member)
    else:
        shape, _, dtype = np.lib.format.read_array_header_2_0(member)
    return shape, dtype


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """The archive; what zipfile and NumPy stumble over inside becomes a DataError."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, NotImplementedError, RuntimeError) as error:
        raise DataError(f"{path} is a damaged zip archive: {error}.", fix="Download it again.") from None
