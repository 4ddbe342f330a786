"""Tar headers, against the standard library's reader as the oracle."""

import io
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fgtl.downloads.limits import USUAL
from fgtl.downloads.source import PlainSource
from fgtl.downloads.tar_headers import FILE, FOLDER, Member, TarReader

FORMATS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}

_NAMES = st.lists(
    st.text(st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="/"), min_size=1, max_size=60),
    min_size=1,
    max_size=5,
).map("/".join)


def read(content: bytes) -> list[Member]:
    return list(TarReader(PlainSource(io.BytesIO(content), len(content)), "x.tar", USUAL))


@pytest.mark.parametrize("form", FORMATS)
@given(files=st.lists(st.tuples(_NAMES, st.integers(0, 1200), st.booleans()), max_size=6))
@settings(max_examples=60, deadline=None)
def test_finds_what_the_standard_library_finds(files: list[tuple[str, int, bool]], form: str) -> None:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=FORMATS[form]) as archive:
        for name, size, folder in files:
            entry = tarfile.TarInfo(name)
            entry.type, entry.size = (tarfile.DIRTYPE, 0) if folder else (tarfile.REGTYPE, size)
            entry.mtime = 0.5 if form == "pax" else 0
            try:
                archive.addfile(entry, io.BytesIO(b"x" * size))
            except ValueError:  # too long a name for ustar
                continue
    content.seek(0)
    with tarfile.open(fileobj=content, errors="surrogateescape") as archive:
        expected = [
            (entry.name.rstrip("/"), FOLDER if entry.isdir() else FILE, entry.offset_data, entry.size)
            for entry in archive.getmembers()
        ]
    found = read(content.getvalue())
    assert [(name.rstrip("/"), kind, offset, size) for name, kind, offset, size in found] == expected


@pytest.mark.parametrize("form", ["v7", "oldgnu", "gnu", "ustar", "posix"])
def test_reads_what_gnu_tar_writes(form: str, tmp_path: Path) -> None:
    if shutil.which("tar") is None:
        pytest.skip("there is no tar program")
    long = "long" * 20
    names = ["a.jpg", "b c/d.jpg"] + ([] if form == "v7" else [f"{long}/{long}/e.jpg"])
    for name in names:
        (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / name).write_bytes(name.encode() * 100)
    words = ["tar", "-c", f"--format={form}", "-C", str(tmp_path), "set"]
    made = subprocess.run(words, capture_output=True, check=False)
    if made.returncode:
        pytest.skip("this tar program does not know the format")
    files = {member.name: member for member in read(made.stdout) if member.kind == FILE}
    assert sorted(files) == sorted(f"set/{name}" for name in names)
    for name in names:
        _, _, offset, size = files[f"set/{name}"]
        assert made.stdout[offset : offset + size] == name.encode() * 100


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (b"0", FILE),
        (b"\0", FILE),
        (b"7", FILE),
        (b"5", FOLDER),
        (b"1", "a hard link"),
        (b"2", "a symbolic link"),
        (b"3", "a device"),
        (b"4", "a device"),
        (b"6", "a fifo"),
        (b"D", "of the type b'D'"),
    ],
)
def test_says_what_a_member_is(kind: bytes, expected: str, header: Callable[..., bytes]) -> None:
    assert [member.kind for member in read(header(b"a", kind=kind) + bytes(1024))] == [expected]


def test_links_have_no_content_whatever_their_size_says(header, member) -> None:
    found = read(header(b"link", 5000, b"1", b"a") + member(b"a", b"1") + bytes(1024))
    assert [(entry.name, entry.size) for entry in found] == [("link", 0), ("a", 1)]


def test_the_first_tar_wrote_folders_as_files_with_a_slash(header) -> None:
    assert [entry.kind for entry in read(header(b"a/", kind=b"\0") + bytes(1024))] == [FOLDER]


def test_a_volume_label_is_no_member(header, member) -> None:
    assert [entry.name for entry in read(header(b"BACKUP", kind=b"V") + member(b"a", b"1") + bytes(1024))] == ["a"]


def test_a_global_header_of_remarks_is_passed_over(member) -> None:
    remark = member(b"pax_global_header", b"20 comment=abcdefgh\n", b"g")
    assert [entry.name for entry in read(remark + member(b"a", b"1") + bytes(1024))] == ["a"]


def test_sizes_in_base_256_are_read(header) -> None:
    size = b"\x80" + (700).to_bytes(11, "big")
    assert read(header(b"a", size_field=size) + bytes(1024) + bytes(1024))[0].size == 700


def test_checksums_of_signed_characters_are_accepted(header) -> None:
    block = bytearray(header(b"caf\xe9", 0))
    block[148:156] = b"%06o\0 " % (int(block[148:154], 8) - 256)
    assert read(bytes(block) + bytes(1024))[0].name == "caf\udce9"
