"""Archives made for the tests: whole ones by the standard library, hostile tar headers byte by byte."""

import io
import tarfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

Pack = Callable[..., Path]

_TAR_MODES = {"tar": "w", "tar.gz": "w:gz", "tar.bz2": "w:bz2", "tar.xz": "w:xz"}
_ZIP_METHODS = {"zip": zipfile.ZIP_DEFLATED, "stored.zip": zipfile.ZIP_STORED}


def _pack(path: Path, files: Mapping[str, bytes], folders: Sequence[str] = ()) -> Path:
    """Write an archive of the kind that the path's endings say, folders first."""
    kind = path.name.split(".", 1)[1]
    if kind in _ZIP_METHODS:
        with zipfile.ZipFile(path, "w", _ZIP_METHODS[kind]) as archive:
            for folder in folders:
                archive.writestr(f"{folder}/", b"")
            for name, content in files.items():
                archive.writestr(name, content)
        return path
    with tarfile.open(path, _TAR_MODES[kind]) as archive:  # type: ignore[call-overload]
        for folder in folders:
            member = tarfile.TarInfo(folder)
            member.type = tarfile.DIRTYPE
            archive.addfile(member)
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


@pytest.fixture(scope="session")
def pack() -> Pack:
    """pack(path, {name: content}, folders=()): an archive of the kind that the path's ending says."""
    return _pack


def _header(name: bytes, size: int = 0, kind: bytes = b"0", link: bytes = b"", size_field: bytes = b"") -> bytes:
    """A ustar header block; `size_field` writes the size's twelve bytes as they are given."""
    block = bytearray(512)
    block[: len(name[:100])] = name[:100]
    block[100:108] = b"0000644\0"
    block[124:136] = (size_field or b"%011o\0" % size).ljust(12, b"\0")
    block[156:157] = kind
    block[157 : 157 + len(link)] = link
    block[257:265] = b"ustar\x0000"
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def _member(name: bytes, content: bytes = b"", kind: bytes = b"0", link: bytes = b"") -> bytes:
    return _header(name, len(content), kind, link) + content + bytes(-len(content) % 512)


@pytest.fixture(scope="session")
def header() -> Callable[..., bytes]:
    """header(name, size, kind, link, size_field): one block of a tar archive."""
    return _header


@pytest.fixture(scope="session")
def member() -> Callable[..., bytes]:
    """member(name, content, kind, link): a header and its content, padded."""
    return _member
