"""Small valid archives with bytes changed: they read as promised or give a DataError, and nothing else ever."""

import gzip
import io
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fgtl.downloads import read_place
from fgtl.downloads.archives import open_archive
from fgtl.downloads.limits import Limits
from fgtl.downloads.unpack import unpack
from fgtl.errors import DataError

LIMITS = Limits(members=500, file_bytes=1 << 20, total_bytes=4 << 20, slack_bytes=1 << 20, header_bytes=1 << 14)
FILES = {"list.txt": b"a b\n" * 50, "a/b.jpg": bytes(range(256)) * 5, f"{'long/' * 30}c.jpg": b"c" * 600, "d.jpg": b""}
BLOCK = 512


def tar(form: int) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=form) as archive:
        folder = tarfile.TarInfo("a")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for name, data in FILES.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime = len(data), 0.5
            archive.addfile(entry, io.BytesIO(data))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "list.txt"
        archive.addfile(link)
    data = content.getvalue().rstrip(b"\0")
    return data + bytes(-len(data) % BLOCK + 2 * BLOCK)  # less of the padding, which is dull


def zipped(method: int) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("a/", b"")
        for name, data in FILES.items():
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return content.getvalue()


def with_checksums(data: bytes) -> bytes:
    """The tar archive with every header's checksum made right again, so that what changed is believed."""
    blocks = [data[at : at + BLOCK] for at in range(0, len(data), BLOCK)]
    for number, block in enumerate(blocks):
        if b"ustar" in block[250:270]:
            total = sum(block) - sum(block[148:156]) + 8 * 32
            blocks[number] = block[:148] + b"%06o\0 " % total + block[156:]
    return b"".join(blocks)


def gnu() -> bytes:
    return tar(tarfile.GNU_FORMAT)


def pax() -> bytes:
    return tar(tarfile.PAX_FORMAT)


# What is changed, and what is done to it afterwards.
SEEDS: dict[str, tuple[bytes, Callable[[bytes], bytes]]] = {
    "gnu": (gnu(), bytes),
    "gnu-believed": (gnu(), with_checksums),
    "pax-believed": (pax(), with_checksums),
    "gz": (gzip.compress(pax(), mtime=0), bytes),
    "gz-believed": (pax(), lambda data: gzip.compress(with_checksums(data), 1)),
    "zip": (zipped(zipfile.ZIP_DEFLATED), bytes),
    "zip-stored": (zipped(zipfile.ZIP_STORED), bytes),
}

_VALUES = st.one_of(
    st.binary(min_size=1, max_size=12), st.sampled_from([b"\xff" * 4, b"\0" * 8, b"../", b"/", b"777", b"9"])
)
CHANGES = st.lists(
    st.tuples(st.integers(0, 1 << 16), _VALUES, st.sampled_from(["over", "in", "out"])), min_size=1, max_size=4
)


def changed(data: bytes, changes: list[tuple[int, bytes, str]]) -> bytes:
    for where, value, how in changes:
        at = where % (len(data) + 1)
        after = at if how == "in" else at + len(value)
        data = data[:at] + (b"" if how == "out" else value) + data[after:]
    return data


def check(content: bytes) -> bool:
    """Whether it opens; all that is promised of it must then be true."""
    start = time.process_time()
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "x"
        path.write_bytes(content)
        try:
            tree = open_archive(path, nested=True, limits=LIMITS)
            names = list(tree.walk())
            tree.fetch(names, Path(temporary) / "spool", lambda count: None)
            for name in names:
                assert not name.startswith("/") and ".." not in name.split("/")
                assert len(tree.read(name)) == tree.size(name) == len(read_place(tree.place(name)))
            opened = True
        except DataError:
            opened = False
        try:
            unpack(path, Path(temporary) / "out", limits=LIMITS)
        except DataError:
            assert not (Path(temporary) / "out").exists()
        assert {entry.name for entry in Path(temporary).iterdir()} <= {"x", "spool", "out"}
    assert time.process_time() - start < 5
    return opened


@pytest.mark.parametrize("seed", SEEDS)
@given(changes=CHANGES)
@settings(max_examples=40, deadline=None)
def test_changed_archives_read_as_promised_or_are_refused(changes: list[tuple[int, bytes, str]], seed: str) -> None:
    content, finish = SEEDS[seed]
    check(finish(changed(content, changes)))


@pytest.mark.parametrize("seed", SEEDS)
def test_unchanged_they_are_read(seed: str) -> None:
    content, finish = SEEDS[seed]
    assert check(finish(content))


@given(
    content=st.binary(max_size=2000),
    start=st.sampled_from([b"", b"\x1f\x8b\x08", b"PK\x03\x04", b"BZh91AY&SY", b"\xfd7zXZ\0"]),
)
@settings(max_examples=60, deadline=None)
def test_bytes_that_only_start_like_an_archive_are_refused(content: bytes, start: bytes) -> None:
    assert not check(start + content)
