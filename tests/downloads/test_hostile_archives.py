"""Archives made to do harm, and downloads that went wrong: each is refused with a message, and nothing is left behind.

A case is one file. Reading and unpacking are tried with each; `reads` and `unpacks` are what the messages must say,
None where it goes well.
"""

import gzip
import io
import lzma
import os
import random
import stat
import struct
import time
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

from fgtl.downloads import read_place
from fgtl.downloads.archives import open_archive
from fgtl.downloads.limits import Limits
from fgtl.downloads.unpack import unpack
from fgtl.errors import DataError

# Small, so that the bombs may be small too.
LIMITS = Limits(
    members=2000,
    names_bytes=1 << 20,
    file_bytes=8 << 20,
    total_bytes=32 << 20,
    slack_bytes=1 << 20,
    header_bytes=1 << 16,
)
END = bytes(1024)
JPEG = b"\xff\xd8 an image, more or less \xff\xd9"
LINK = "is a symbolic link"


@dataclass(frozen=True)
class Case:
    """One hostile file.

    Attributes:
        name: of the test.
        build: makes its bytes from `make` (header, member) and the folder that it must not write to.
        reads: what the message says when it is opened and all of it is read; None when that goes well.
        unpacks: the same for unpacking.
        files: what is there when it can be read.
    """

    name: str
    build: Callable[[SimpleNamespace, Path], bytes]
    reads: str | None
    unpacks: str | None
    files: tuple[str, ...] = ()


def named(name: str) -> Callable[[SimpleNamespace, Path], bytes]:
    """A tar archive of one file of this name, by a pax header, which can hold any."""

    def build(make: SimpleNamespace, outside: Path) -> bytes:
        return pax(make, "path", name.replace("OUTSIDE", str(outside))) + make.member(b"plain", JPEG) + END

    return build


def pax(make: SimpleNamespace, key: str, value: str) -> bytes:
    field = f" {key}={value}\n".encode("utf-8", "surrogateescape")
    length = len(field) + 1
    while len(str(length)) + len(field) != length:
        length += 1
    return make.member(b"PaxHeader", str(length).encode() + field, b"x")


def zip_of(*names: str, method: int = zipfile.ZIP_DEFLATED, content: bytes = JPEG) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return packed.getvalue()


def zip_named(name: str) -> Callable[[SimpleNamespace, Path], bytes]:
    return lambda make, outside: zip_of(name.replace("OUTSIDE", str(outside)))


def zip_mode(mode: int) -> Callable[[SimpleNamespace, Path], bytes]:
    """A ZIP archive with a link or device."""

    def build(make: SimpleNamespace, outside: Path) -> bytes:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            entry = zipfile.ZipInfo("odd")
            entry.create_system, entry.external_attr = 3, mode << 16
            archive.writestr(entry, str(outside))
            archive.writestr("good.jpg", JPEG)
        return packed.getvalue()

    return build


def link_then_file(make: SimpleNamespace, outside: Path) -> bytes:
    link = make.member(b"d", b"", b"2", str(outside).encode()[:99])
    return link + make.member(b"d/evil.jpg", JPEG) + END


def link_chain(make: SimpleNamespace, outside: Path) -> bytes:
    links = [make.member(b"a", b"", b"2", b"b"), make.member(b"b", b"", b"2", b".."), make.member(b"good.jpg", JPEG)]
    return b"".join(links) + END


def odd_member(kind: bytes, link: bytes = b"") -> Callable[[SimpleNamespace, Path], bytes]:
    return lambda make, outside: make.member(b"odd", b"", kind, link) + make.member(b"good.jpg", JPEG) + END


def several(*members: tuple[bytes, bytes]) -> Callable[[SimpleNamespace, Path], bytes]:
    return lambda make, outside: b"".join(make.member(name, content) for name, content in members) + END


def gz(build: Callable[[SimpleNamespace, Path], bytes]) -> Callable[[SimpleNamespace, Path], bytes]:
    return lambda make, outside: gzip.compress(build(make, outside), 1)


def xz(build: Callable[[SimpleNamespace, Path], bytes]) -> Callable[[SimpleNamespace, Path], bytes]:
    return lambda make, outside: lzma.compress(build(make, outside), preset=0)


def cut(build: Callable[[SimpleNamespace, Path], bytes], keep: float) -> Callable[[SimpleNamespace, Path], bytes]:
    """The first part of a file: some bytes, a share of it, or all but some bytes."""

    def shorter(make: SimpleNamespace, outside: Path) -> bytes:
        whole = build(make, outside)
        return whole[: int(len(whole) * keep) if 0 < keep < 1 else int(keep)]

    return shorter


def photos(make: SimpleNamespace, outside: Path) -> bytes:
    """Three files of 10 kB that do not shrink."""
    noise = random.Random(1).randbytes(30_000)
    return b"".join(make.member(b"%d.jpg" % i, noise[i * 10_000 : (i + 1) * 10_000]) for i in range(3)) + END


def zip_photos(make: SimpleNamespace, outside: Path) -> bytes:
    return zip_of("0.jpg", "1.jpg", "2.jpg", content=random.Random(1).randbytes(10_000))


def gz_bomb(make: SimpleNamespace, outside: Path) -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    start = packer.compress(make.header(b"zeros.jpg", 7 << 20))
    return start + packer.compress(bytes(30 << 20)) + packer.flush()


def many_members(make: SimpleNamespace, outside: Path) -> bytes:
    return make.member(b"a") * 3000 + END


def pax_bomb(make: SimpleNamespace, outside: Path) -> bytes:
    return make.header(b"PaxHeader", 1 << 30, b"x") + bytes(1 << 20)


def long_name_bomb(make: SimpleNamespace, outside: Path) -> bytes:
    return make.header(b"././@LongLink", 6 << 30, b"L") + b"a" * (1 << 20)


def sparse(make: SimpleNamespace, outside: Path) -> bytes:
    block = bytearray(make.header(b"huge.jpg", 512, b"S"))
    block[386:410] = b"%011o\0%011o\0" % (0, 512)
    block[483:495] = b"\x80" + (1 << 60).to_bytes(11, "big")
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block) + bytes(512) + END


def pax_sparse(make: SimpleNamespace, outside: Path) -> bytes:
    return pax(make, "GNU.sparse.realsize", str(1 << 60)) + make.member(b"huge.jpg", b"x") + END


def sized(size_field: bytes) -> Callable[[SimpleNamespace, Path], bytes]:
    return lambda make, outside: make.member(b"good.jpg", JPEG) + make.header(b"odd.jpg", size_field=size_field) + END


def pax_size(value: str) -> Callable[[SimpleNamespace, Path], bytes]:
    return lambda make, outside: (
        make.member(b"good.jpg", JPEG) + pax(make, "size", value) + make.member(b"o.jpg", b"1") + END
    )


def pax_record(record: bytes) -> Callable[[SimpleNamespace, Path], bytes]:
    return lambda make, outside: make.member(b"PaxHeader", record, b"x") + make.member(b"a.jpg", JPEG) + END


def global_path(make: SimpleNamespace, outside: Path) -> bytes:
    return make.member(b"PaxHeader", b"15 path=a/b.jpg\n", b"g").replace(b"15 ", b"16 ") + photos(make, outside)


def middle_flipped(
    build: Callable[[SimpleNamespace, Path], bytes], at: int
) -> Callable[[SimpleNamespace, Path], bytes]:
    def flipped(make: SimpleNamespace, outside: Path) -> bytes:
        data = bytearray(build(make, outside))
        data[at] ^= 0x55
        return bytes(data)

    return flipped


def zip_field(local_at: int, directory_at: int, value: bytes) -> Callable[[SimpleNamespace, Path], bytes]:
    """A ZIP archive of one deflated file with a field of both its headers overwritten."""

    def build(make: SimpleNamespace, outside: Path) -> bytes:
        data = bytearray(zip_of("a.jpg", content=bytes(5000)))
        for magic, at in ((b"PK\x03\x04", local_at), (b"PK\x01\x02", directory_at)):
            start = data.index(magic) + at
            data[start : start + len(value)] = value
        return bytes(data)

    return build


def zip_offset(offset: int) -> Callable[[SimpleNamespace, Path], bytes]:
    """A ZIP archive whose directory has its file somewhere else, by ZIP64."""

    def build(make: SimpleNamespace, outside: Path) -> bytes:
        data = bytearray(zip_of("a.jpg"))
        entry, end = data.index(b"PK\x01\x02"), data.index(b"PK\x05\x06")
        wide = struct.pack("<2HQ", 1, 8, offset)
        data[entry + 30 : entry + 32] = struct.pack("<H", len(wide))
        data[entry + 42 : entry + 46] = b"\xff" * 4
        data[end + 12 : end + 16] = struct.pack("<L", end - entry + len(wide))
        return bytes(data[:end] + wide + data[end:])

    return build


def zip_overlap(make: SimpleNamespace, outside: Path) -> bytes:
    """Two entries of the directory that share one file's bytes."""
    data = zip_of("a.jpg", "b.jpg", content=bytes(1 << 12))
    second = data.index(b"PK\x03\x04", 4)
    at = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 4) + 42
    assert struct.unpack_from("<L", data, at)[0] == second
    return data[:at] + struct.pack("<L", 0) + data[at + 4 :]


def zip_bomb(make: SimpleNamespace, outside: Path) -> bytes:
    return zip_of("bomb.jpg", content=bytes(7 << 20))


def zip_many_bombs(make: SimpleNamespace, outside: Path) -> bytes:
    return zip_of(*(f"{i}.jpg" for i in range(20)), content=bytes(1_000_000))


def zip_bomb_that_lies(make: SimpleNamespace, outside: Path) -> bytes:
    data = bytearray(zip_of("bomb.jpg", content=bytes(100 << 20)))
    for magic, at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<L", data, data.index(magic) + at, 1000)
    return bytes(data)


def zip_twice(make: SimpleNamespace, outside: Path) -> bytes:
    data = zip_of("a.jpg", "b.jpg").replace(b"b.jpg", b"a.jpg")
    assert data.count(b"a.jpg") == 4
    return bytes(
        middle_flipped(lambda *_: data, data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 4) + 16)(make, outside)
    )


def constant(data: bytes) -> Callable[[SimpleNamespace, Path], bytes]:
    return lambda make, outside: data


WRONG = "is damaged"
CASES = [
    # Names that lead elsewhere, or that no disk can hold.
    Case("tar-up", named("../evil.jpg"), "leads out of its folder", "leads out of its folder"),
    Case("tar-up-inside", named("a/b/../../../evil.jpg"), "leads out of its folder", "leads out of its folder"),
    Case("tar-absolute", named("OUTSIDE/evil.jpg"), "is absolute", "is absolute"),
    Case("tar-nul", named("a\0b.jpg"), "control character", "control character"),
    Case("tar-newline", named("a\nb.jpg"), "control character", "control character"),
    Case("tar-backslash", named("..\\evil.jpg"), "backslash", "backslash"),
    Case("tar-name-5kB", named("/".join(["n" * 200] * 25) + ".jpg"), "more than 4,096", "more than 4,096"),
    Case("tar-component-300", named("n" * 300), "part of 300 bytes", "part of 300 bytes"),
    Case("tar-depth-2000", named("d/" * 2000 + "a"), "folders 2,000 deep", "folders 2,000 deep"),
    Case("tar-empty-name", several((b"", JPEG)), "name '' is empty", "name '' is empty"),
    Case("tar-dot", several((b".", JPEG)), "is there twice, as different kinds", "as different kinds"),
    Case("gz-up", gz(named("../evil.jpg")), "leads out of its folder", "leads out of its folder"),
    Case("zip-up", zip_named("../evil.jpg"), "leads out of its folder", "leads out of its folder"),
    Case("zip-absolute", zip_named("OUTSIDE/evil.jpg"), "is absolute", "is absolute"),
    Case("zip-backslash", zip_named("..\\evil.jpg"), "backslash", "backslash"),
    Case("zip-nul", zip_field(30, 46, b"a\0jpg"), "control character", "control character"),
    Case("zip-component-300", zip_named("n" * 300), "part of 300 bytes", "part of 300 bytes"),
    Case("zip-name-5kB", zip_named("/".join(["n" * 200] * 25)), "more than 4,096", "more than 4,096"),
    # Links and devices.
    Case("tar-link-then-file", link_then_file, "as different kinds of thing", "as different kinds of thing"),
    Case("tar-link-chain", link_chain, None, f"a {LINK}.*2 members", ("good.jpg",)),
    Case("tar-link", odd_member(b"2", b"../../etc/passwd"), None, f"odd {LINK}", ("good.jpg",)),
    Case("tar-hard-link", odd_member(b"1", b"/etc/passwd"), None, "odd is a hard link", ("good.jpg",)),
    Case("tar-device", odd_member(b"3"), None, "odd is a device", ("good.jpg",)),
    Case("tar-block-device", odd_member(b"4"), None, "odd is a device", ("good.jpg",)),
    Case("tar-fifo", odd_member(b"6"), None, "odd is a fifo", ("good.jpg",)),
    Case("tar-unknown", odd_member(b"Q"), None, "odd is of the type b'Q'", ("good.jpg",)),
    Case("gz-link", gz(odd_member(b"2", b"..")), None, f"odd {LINK}", ("good.jpg",)),
    Case("zip-link", zip_mode(stat.S_IFLNK | 0o777), None, f"odd {LINK}", ("good.jpg",)),
    Case("zip-device", zip_mode(stat.S_IFCHR), None, "odd is a device", ("good.jpg",)),
    # Names that are not one thing.
    Case("tar-file-is-folder", several((b"a", JPEG), (b"a/b", JPEG)), "as different kinds", "as different kinds"),
    Case("tar-folder-is-file", several((b"a/b", JPEG), (b"a", JPEG)), "as different kinds", "as different kinds"),
    Case("zip-file-is-folder", lambda *_: zip_of("a", "a/b"), "as different kinds", "as different kinds"),
    Case("tar-twins", several((b"A.jpg", b"1"), (b"a.jpg", b"2")), None, "differ only in case", ("A.jpg", "a.jpg")),
    Case("zip-twins", lambda *_: zip_of("A.jpg", "a.jpg"), None, "differ only in case", ("A.jpg", "a.jpg")),
    Case("tar-twice", several((b"a.jpg", b"1"), (b"a.jpg", b"2")), "twice, with different", "twice, with different"),
    Case("tar-twice-longer", several((b"a.jpg", b"1"), (b"a.jpg", b"12")), "twice, with different", "twice"),
    Case("tar-twice-empty", several((b"a.jpg", b""), (b"a.jpg", b"1")), "twice, with different", "twice, with"),
    Case("tar-twice-equal", several((b"a.jpg", b"1"), (b"a.jpg", b"1")), None, None, ("a.jpg",)),
    Case("gz-twice", gz(several((b"a.jpg", b"1"), (b"a.jpg", b"2"))), "is there twice", "is there twice"),
    Case("zip-twice", zip_twice, "twice, with different", "twice, with different"),
    # An archive in an archive is a file: nothing opens it unless it is asked for.
    Case(
        "tar-nested", lambda make, out: make.member(b"in.tar", named("../x")(make, out)) + END, None, None, ("in.tar",)
    ),
    Case("zip-nested", lambda *_: zip_of("in.zip", content=zip_of("../x")), None, None, ("in.zip",)),
    # Bombs.
    Case("gz-bomb", gz_bomb, "inflates to .* and more", "inflates to .* and more"),
    Case("xz-bomb", xz(lambda make, out: bytes(30 << 20)), "inflates to .* and more", "inflates to .* and more"),
    Case("tar-members", many_members, "more than 2,000 members", "more than 2,000 members"),
    Case("zip-members", lambda *_: zip_of(*map(str, range(2001))), "has 2,001 members", "has 2,001 members"),
    Case("zip-bomb", zip_bomb, "inflates from", "inflates from"),
    Case("zip-many-bombs", zip_many_bombs, "inflates to 19.1 MiB", "inflates to 19.1 MiB"),
    Case("zip-lying-size", zip_bomb_that_lies, "another size than the 1,000 bytes", "another size than the 1,000"),
    Case("zip-overlap", zip_overlap, "members overlap", "members overlap"),
    Case("tar-pax-bomb", pax_bomb, "extended header of 1,073,741,824 bytes", "extended header of"),
    Case("gz-pax-bomb", gz(pax_bomb), "extended header of 1,073,741,824 bytes", "extended header of"),
    Case("tar-long-name-bomb", long_name_bomb, "extended header of 6,442,450,944", "extended header of"),
    Case("tar-sparse", sparse, "stored as a sparse file", "stored as a sparse file"),
    Case("tar-pax-sparse", pax_sparse, "stored as a sparse file", "stored as a sparse file"),
    # Fields that lie.
    Case("tar-size-negative", sized(b"\xff" * 12), f"{WRONG}.*no number of bytes", WRONG),
    Case("tar-size-minus", sized(b"-0000000001\0"), f"{WRONG}.*no number of bytes", WRONG),
    Case("tar-size-huge", sized(b"\x80" + b"\xff" * 11), r"ends inside odd\.jpg", "ends inside"),
    Case("gz-size-huge", gz(sized(b"\x80" + b"\xff" * 11)), r"holds odd\.jpg of .* GiB", "GiB"),
    Case("tar-size-text", sized(b"0x0000000ff\0"), f"{WRONG}.*no number of bytes", WRONG),
    Case("tar-pax-size-negative", pax_size("-5"), f"{WRONG}.*the size b'-5'", WRONG),
    Case("tar-pax-size-huge", pax_size("9" * 40), f"{WRONG}.*the size b'9999", WRONG),
    Case("tar-pax-record-short", pax_record(b"5 path=a\n"), "broken record", "broken record"),
    Case("tar-pax-record-long", pax_record(b"999 path=a\n"), "broken record", "broken record"),
    Case("tar-pax-record-zero", pax_record(b"0 path=a\n"), "broken record", "broken record"),
    Case("tar-pax-record-text", pax_record(b"path=a\n"), "broken record", "broken record"),
    Case("tar-pax-global-path", global_path, "a global header sets 'path'", "a global header sets"),
    Case("tar-folder-with-content", several((b"a/", JPEG)), "a folder with content", "a folder with content"),
    Case("zip-offset", zip_offset(0x7FFFFFFF), "'a.jpg' does not lie before its directory", "does not lie before"),
    Case("zip-offset-huge", zip_offset(2**64 - 1), "'a.jpg' does not lie before its directory", "does not lie before"),
    Case("zip-directory-elsewhere", middle_flipped(zip_photos, -5), "directory", "directory"),
    # Downloads that ended too early.
    Case("tar-cut-in-file", cut(photos, 0.5), r"ends inside 1\.jpg", r"ends inside 1\.jpg"),
    Case("tar-cut-in-last", cut(photos, -1500), r"ends inside 2\.jpg", r"ends inside 2\.jpg"),
    Case("tar-cut-in-header", cut(photos, 0.326), r"ends in a header, after 0\.jpg", "ends in a header"),
    Case("tar-cut-after-pax", cut(named("a.jpg"), 1024), "ends before the member of an extended", "ends before"),
    Case("gz-cut-early", cut(gz(photos), 0.002), "ends before|ends in a header", "ends"),
    Case("gz-cut-in-file", cut(gz(photos), 0.5), r"ends inside 1\.jpg", r"ends inside 1\.jpg"),
    Case("gz-cut-in-checksum", cut(gz(photos), -3), "ends before the end of its gzip data", "ends before"),
    Case("xz-cut-in-file", cut(xz(photos), 0.5), "ends inside", "ends inside"),
    Case("xz-cut-at-end", cut(xz(photos), -8), "ends before the end of its xz data", "ends before"),
    Case("zip-cut-early", cut(zip_photos, 0.1), "directory, which is at the end, is missing", "is missing"),
    Case("zip-cut-in-directory", cut(zip_photos, -60), "is missing", "is missing"),
    Case("zip-cut-at-end", cut(zip_photos, -1), "is missing", "is missing"),
    # Damage on the way.
    Case("tar-header-flipped", middle_flipped(photos, 10752 + 20), rf"{WRONG} at byte 10,752, after 0\.jpg", WRONG),
    Case("gz-flipped", middle_flipped(gz(photos), 15000), WRONG, WRONG),
    Case("gz-checksum", middle_flipped(gz(photos), -6), f"{WRONG}.*incorrect data check", WRONG),
    Case("gz-length", middle_flipped(gz(photos), -2), f"{WRONG}.*incorrect length check", WRONG),
    Case("xz-flipped", middle_flipped(xz(photos), 15000), WRONG, WRONG),
    Case("gz-rubbish-after", lambda make, out: gz(photos)(make, out) + b"rubbish", WRONG, WRONG),
    Case("gz-no-tar", lambda *_: gzip.compress(b"a text" * 1000), "holds no tar archive", "holds no tar archive"),
    Case("gz-of-nothing", lambda *_: gzip.compress(b""), "holds nothing", "holds nothing"),
    Case("zip-crc", zip_field(14, 16, b"\1\2\3\4"), r"a\.jpg: Its checksum differs", "checksum differs"),
    Case("zip-flipped", middle_flipped(zip_photos, 5000), "checksum|inflate", "checksum|inflate"),
    Case("zip-encrypted", zip_field(6, 8, b"\1\0"), r"'a\.jpg' is encrypted", "is encrypted"),
    Case("zip-method", zip_field(8, 10, b"\x09\0"), "packed by the method Deflate64", "Deflate64"),
    Case("zip-method-unknown", zip_field(8, 10, b"\x4d\0"), "packed by the method 77", "method 77"),
    # What is no archive.
    Case("empty", constant(b""), r"an empty file \(0 bytes\)", "an empty file"),
    Case("html", constant(b"\n <!DOCTYPE html><html>Log in</html>"), "an HTML page.*bytes", "an HTML page"),
    Case("xml", constant(b"<?xml version='1.0'?><Error>AccessDenied</Error>"), "an XML text", "an XML text"),
    Case("lfs", constant(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n"), "Git LFS", "git lfs pull"),
    Case("text", constant("Quota exceeded \u2014 sorry\n".encode() * 50), "a text", "a text"),
    Case("random", constant(random.Random(2).randbytes(5000)), "something unknown", "something unknown"),
    Case("7z", constant(b"7z\xbc\xaf\x27\x1c" + bytes(100)), "a 7z archive", "a 7z archive"),
    Case("rar", constant(b"Rar!\x1a\x07" + bytes(100)), "a RAR archive", "a RAR archive"),
    Case("zstandard", constant(b"\x28\xb5\x2f\xfd" + bytes(100)), "a Zstandard file", "a Zstandard file"),
    Case("zeros", constant(bytes(2 << 20)), "starts with zeros", "starts with zeros"),
    # What looks odd, but is right.
    Case("empty-tar", constant(bytes(10240)), None, None),
    Case("empty-zip", lambda *_: zip_of(), None, None),
]


@pytest.fixture
def make(header: Callable[..., bytes], member: Callable[..., bytes]) -> SimpleNamespace:
    return SimpleNamespace(header=header, member=member)


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, three below the one that is watched."""
    box = tmp_path / "one/two/box"
    box.mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    monkeypatch.chdir(box)
    return box


def everything(tmp_path: Path) -> set[Path]:
    return set(tmp_path.rglob("*"))


def read_all(path: Path, spool: Path) -> dict[str, bytes]:
    tree = open_archive(path, limits=LIMITS)
    names = list(tree.walk())
    tree.fetch(names, spool, lambda count: None)
    for name in names:
        assert tree.read(name) == read_place(tree.place(name))
    return {name: tree.read(name) for name in names}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_reading(case: Case, box: Path, tmp_path: Path, make: SimpleNamespace) -> None:
    path = box / "x.download"
    path.write_bytes(case.build(make, tmp_path / "outside"))
    before = everything(tmp_path)
    spool = tmp_path / "spool"
    if case.reads is None:
        assert tuple(read_all(path, spool)) == case.files
    else:
        with pytest.raises(DataError, match=case.reads) as caught:
            read_all(path, spool)
        assert "x.download" in str(caught.value)
    assert {entry for entry in everything(tmp_path) - before if entry.parent != spool and entry != spool} == set()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_unpacking(case: Case, box: Path, tmp_path: Path, make: SimpleNamespace) -> None:
    path = box / "x.download"
    path.write_bytes(case.build(make, tmp_path / "outside"))
    before = everything(tmp_path)
    if case.unpacks is None:
        unpack(path, box / "out", limits=LIMITS)
        assert {entry.relative_to(box / "out") for entry in everything(tmp_path) - before - {box / "out"}} == {
            Path(name) for name in case.files
        }
        return
    with pytest.raises(DataError, match=case.unpacks) as caught:
        unpack(path, box / "out", limits=LIMITS)
    assert "x.download" in str(caught.value)
    assert everything(tmp_path) == before


@pytest.mark.parametrize(
    "case", [case for case in CASES if "bomb" in case.name or "huge" in case.name], ids=lambda case: case.name
)
def test_bombs_take_little_memory_and_time(case: Case, box: Path, tmp_path: Path, make: SimpleNamespace) -> None:
    path = box / "x.download"
    path.write_bytes(case.build(make, tmp_path / "outside"))
    start = time.process_time()
    tracemalloc.start()
    try:
        with pytest.raises(DataError):
            read_all(path, tmp_path / "spool")
        assert tracemalloc.get_traced_memory()[1] < 12 << 20
    finally:
        tracemalloc.stop()
    assert time.process_time() - start < 5


def test_links_are_counted_in_one_warning(box: Path, make: SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
    (box / "x.tar").write_bytes(link_chain(make, box))
    tree = open_archive(box / "x.tar")
    warning = capsys.readouterr().err
    assert warning.count("\n") == 1
    assert "2 members are no files and are left out" in warning and f"a {LINK}" in warning
    assert not tree.is_file("a") and tree.size("a") == -1
    assert tree.where("a").endswith("x.tar: a (a symbolic link, not a file)")
    for ask in (tree.read, tree.place):
        with pytest.raises(DataError, match=f"a {LINK}, not a file"):
            ask("a")


def test_a_bomb_is_refused_by_the_usual_limits_too(box: Path, make: SimpleNamespace) -> None:
    piece = gzip.compress(bytes(64 << 20))
    head = gzip.compress(make.header(b"zeros.jpg", 3 << 30))
    (box / "x.tar.gz").write_bytes(head + piece * 20)
    with pytest.raises(DataError, match="inflates to 1.1 GiB and more"):
        open_archive(box / "x.tar.gz")


@pytest.mark.parametrize("what", ["folder", "fifo", "nothing", "unreadable"])
def test_what_cannot_be_opened_is_said(what: str, box: Path) -> None:
    path = box / "x.tar"
    if what == "folder":
        path.mkdir()
    elif what == "fifo":
        os.mkfifo(path)
    elif what == "unreadable":
        path.symlink_to(path)
    expected = {
        "folder": "is no file",
        "fifo": "is no file",
        "nothing": "does not exist",
        "unreadable": "cannot be read",
    }
    with pytest.raises(DataError, match=expected[what]):
        open_archive(path)
