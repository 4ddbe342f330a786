"""What only ZIP archives have: a directory, ZIP64, names in several encodings."""

import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from fgtl.downloads import read_place
from fgtl.downloads.archives import open_archive
from fgtl.errors import DataError


def test_stored_and_deflated_files_are_places(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("a.jpg", b"a" * 1000, zipfile.ZIP_STORED)
        archive.writestr("b.jpg", b"b" * 1000, zipfile.ZIP_DEFLATED)
    tree = open_archive(tmp_path / "x.zip")
    stored, deflated = tree.place("a.jpg"), tree.place("b.jpg")
    assert (stored.inflated, deflated.inflated, stored.length) == (None, 1000, 1000)
    assert (deflated.length or 0) < 100
    assert (read_place(stored), read_place(deflated)) == (b"a" * 1000, b"b" * 1000)


def test_a_zip64_archive_reads_like_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # With its limits this low the standard library writes every field of ZIP64.
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 100)
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 2)
    files = {f"{number}.jpg": bytes([number]) * 300 for number in range(5)}
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            with archive.open(name, "w", force_zip64=True) as file:
                file.write(content)
    assert b"PK\x06\x06" in (tmp_path / "x.zip").read_bytes()
    tree = open_archive(tmp_path / "x.zip")
    assert {name: tree.read(name) for name in tree.walk()} == files


def test_an_archive_written_to_a_pipe_has_its_sizes_in_the_directory_only(tmp_path: Path) -> None:
    class Pipe(io.RawIOBase):
        data = b""

        def writable(self) -> bool:
            return True

        def write(self, data) -> int:
            self.data += bytes(data)
            return len(data)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[call-overload]
        archive.writestr("a.txt", b"a" * 5000)
        archive.writestr("b.txt", b"b" * 5000)
    (tmp_path / "x.zip").write_bytes(pipe.data)
    tree = open_archive(tmp_path / "x.zip")
    assert (tree.read("a.txt"), tree.read("b.txt")) == (b"a" * 5000, b"b" * 5000)


def test_a_comment_may_look_like_an_end(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("a.txt", b"a")
        archive.comment = b"PK\x05\x06" + b"x" * 40
    assert open_archive(tmp_path / "x.zip").read("a.txt") == b"a"


def test_an_empty_archive_has_no_members(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w"):
        pass
    assert list(open_archive(tmp_path / "x.zip").walk()) == []


@pytest.mark.parametrize(
    ("raw", "name"), [("caf\u00e9".encode(), "caf\u00e9"), (b"caf\x82", "caf\u00e9"), (b"plain", "plain")]
)
def test_names_without_their_encoding_are_utf8_or_else_code_page_437(raw: bytes, name: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("#" * len(raw), b"1")
    path = tmp_path / "x.zip"
    path.write_bytes(path.read_bytes().replace(b"#" * len(raw), raw))
    tree = open_archive(path)
    assert list(tree.walk()) == [name]
    assert tree.read(name) == b"1"


def test_a_name_twice_with_equal_content_is_one_file(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("a.txt", b"a")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a.txt", b"a")
    assert open_archive(tmp_path / "x.zip").index.files == 1


def patched(path: Path, old: bytes, new: bytes, which: int = 0) -> Path:
    """Replace one occurrence of `old` in a file."""
    data = path.read_bytes()
    at = -1
    for _ in range(which + 1):
        at = data.index(old, at + 1)
    path.write_bytes(data[:at] + new + data[at + len(old) :])
    return path


def test_a_file_called_otherwise_in_its_own_header_is_refused(tmp_path: Path, pack: Callable[..., Path]) -> None:
    path = patched(pack(tmp_path / "x.zip", {"good.txt": b"1"}), b"good.txt", b"evil.txt")
    with pytest.raises(DataError, match=r"'good\.txt' is called 'evil\.txt'"):
        open_archive(path).read("good.txt")


def test_a_header_that_is_not_there_is_refused(tmp_path: Path, pack: Callable[..., Path]) -> None:
    path = pack(tmp_path / "x.zip", {"a.txt": b"a" * 50, "b.txt": b"b" * 50})
    patched(path, b"PK\x03\x04", b"PK\x03\x05", which=1)
    tree = open_archive(path)
    assert tree.read("a.txt") == b"a" * 50
    with pytest.raises(DataError, match=r"the header of 'b\.txt' is not where"):
        tree.read("b.txt")


def test_a_header_that_reaches_into_the_next_file_is_refused(tmp_path: Path, pack: Callable[..., Path]) -> None:
    path = pack(tmp_path / "x.stored.zip", {"a.txt": b"a" * 50, "b.txt": b"b" * 50})
    data = bytearray(path.read_bytes())
    data[28:30] = struct.pack("<H", 40)  # length of the extra field in the first header
    path.write_bytes(data)
    with pytest.raises(DataError, match="reaches into what follows"):
        open_archive(path).read("a.txt")


@pytest.mark.parametrize("entries", [1, 3])
def test_another_number_of_entries_than_promised_is_refused(entries: int, tmp_path: Path, pack) -> None:
    path = pack(tmp_path / "x.zip", {"a.txt": b"a", "b.txt": b"b"})
    data = bytearray(path.read_bytes())
    data[-22 + 10 : -22 + 12] = struct.pack("<H", entries)
    path.write_bytes(data)
    with pytest.raises(DataError, match="directory"):
        open_archive(path)


def test_a_part_of_several_is_refused(tmp_path: Path, pack: Callable[..., Path]) -> None:
    path = pack(tmp_path / "x.zip", {"a.txt": b"a"})
    data = bytearray(path.read_bytes())
    data[-22 + 4 : -22 + 6] = struct.pack("<H", 3)
    path.write_bytes(data)
    with pytest.raises(DataError, match="several parts"):
        open_archive(path)
