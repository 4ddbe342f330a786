"""Places: whole files, slices, deflated slices."""

import copy
import os
import socket
import tracemalloc
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fgtl.downloads.place import MAX_FILE_BYTES, Place, place_pieces, read_place
from fgtl.errors import DataError

CONTENT = bytes(range(256)) * 12_000  # 3 MB: several pieces


def deflated(content: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(content) + packer.flush()


@pytest.fixture
def slices(tmp_path: Path) -> dict[str, Place]:
    """The same content as a file, as a slice, and as a deflated slice."""
    packed = deflated(CONTENT)
    whole, file = tmp_path / "whole", tmp_path / "archive"
    whole.write_bytes(CONTENT)
    file.write_bytes(b"before" + CONTENT + packed + b"after")
    crc = zlib.crc32(CONTENT)
    return {
        "whole": Place(str(whole)),
        "slice": Place(str(file), 6, len(CONTENT), None, crc),
        "deflated": Place(str(file), 6 + len(CONTENT), len(packed), len(CONTENT), crc),
    }


@pytest.mark.parametrize("kind", ["whole", "slice", "deflated"])
def test_reads_exactly_its_content(kind: str, slices: dict[str, Place]) -> None:
    assert read_place(slices[kind]) == CONTENT
    assert b"".join(place_pieces(slices[kind])) == CONTENT


@pytest.mark.parametrize("kind", ["slice", "deflated"])
def test_pieces_are_small(kind: str, slices: dict[str, Place]) -> None:
    assert max(map(len, place_pieces(slices[kind]))) <= 1 << 20


def test_survives_the_way_to_a_worker(slices: dict[str, Place]) -> None:
    # By the same protocol as a place goes to a worker.
    assert copy.deepcopy(slices["deflated"]) == slices["deflated"]


@given(content=st.binary(max_size=3000), lie=st.integers(-50, 50))
@settings(max_examples=60, deadline=None)
def test_inflates_to_the_promised_size_or_not_at_all(
    content: bytes, lie: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "deflated"
    path.write_bytes(deflated(content))
    promised = max(0, len(content) + lie)
    place = Place(str(path), 0, path.stat().st_size, promised)
    if promised == len(content):
        assert read_place(place) == content
    else:
        with pytest.raises(DataError, match="another size"):
            read_place(place)


def test_a_bomb_that_promises_little_takes_little(tmp_path: Path) -> None:
    (tmp_path / "bomb").write_bytes(deflated(bytes(200 << 20)))
    place = Place(str(tmp_path / "bomb"), 0, (tmp_path / "bomb").stat().st_size, 1000)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="another size than the 1,000 bytes"):
            read_place(place)
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


def test_a_slice_beyond_the_end_is_incomplete(slices: dict[str, Place]) -> None:
    file = Path(slices["slice"].file)
    with pytest.raises(DataError, match="ends inside it"):
        read_place(Place(str(file), 10, file.stat().st_size))


def test_a_cut_deflated_slice_is_refused(slices: dict[str, Place]) -> None:
    place = slices["deflated"]
    with pytest.raises(DataError, match="another size"):
        read_place(Place(place.file, place.offset, (place.length or 0) - 9, place.inflated))


@pytest.mark.parametrize("kind", ["slice", "deflated"])
def test_a_wrong_checksum_is_refused(kind: str, slices: dict[str, Place]) -> None:
    place = slices[kind]
    with pytest.raises(DataError, match="checksum"):
        read_place(Place(place.file, place.offset, place.length, place.inflated, (place.crc32 or 0) ^ 1))


def test_what_is_not_deflate_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"\xff" * 100)
    with pytest.raises(DataError, match="does not inflate"):
        read_place(Place(str(tmp_path / "file"), 0, 100, 500))


@pytest.mark.parametrize("kind", ["whole", "slice", "deflated"])
def test_a_limit_is_inclusive_and_refuses_before_anything_is_read(kind: str, slices: dict[str, Place]) -> None:
    assert read_place(slices[kind], len(CONTENT)) == CONTENT
    with pytest.raises(DataError, match=r"(?s)It has 2\.9 MiB \(3,072,000 bytes\).*Expected at most 2\.9 MiB"):
        next(place_pieces(slices[kind], len(CONTENT) - 1))


def test_the_packed_bytes_count_too(slices: dict[str, Place]) -> None:
    place = Place(slices["slice"].file, 0, 1000, 10)
    with pytest.raises(DataError, match=r"It has 1,000 bytes \(1,000 bytes\)"):
        read_place(place, 999)


def test_without_being_told_images_of_any_use_are_read_and_no_more(tmp_path: Path) -> None:
    (tmp_path / "sparse").touch()
    os.truncate(tmp_path / "sparse", 30 << 30)
    for place in (Place(str(tmp_path / "sparse")), Place(str(tmp_path / "sparse"), 5, MAX_FILE_BYTES + 1)):
        with pytest.raises(DataError, match="(?s)It has .*Expected at most 512.0 MiB"):
            read_place(place)
    tracemalloc.start()
    try:
        for place in (Place(str(tmp_path / "sparse")), Place("/dev/zero")):
            with pytest.raises(DataError):
                read_place(place)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("length", [None, 10])
def test_what_is_no_file_is_refused_at_once(length: int | None, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    # Its own path may be too long for a socket's name.
    handle = os.open(tmp_path, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"/proc/self/fd/{handle}/socket")
    os.close(handle)
    for file, kind in (("fifo", "a fifo"), ("socket", "a socket"), ("/dev/zero", "a device"), (".", "a folder")):
        with pytest.raises(DataError, match=f"It is {kind}.*, not a file"):
            read_place(Place(str(tmp_path / file), 0, length))


def test_a_file_that_is_not_there_is_an_error_of_the_disk(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="absent"):
        read_place(Place(str(tmp_path / "absent")))


def test_no_handle_is_left_open(slices: dict[str, Place], tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for place in slices.values():
        read_place(place)
        with pytest.raises(DataError):
            read_place(place, 1)
    with pytest.raises(DataError):
        read_place(Place("/dev/zero"))
    assert len(list(Path("/proc/self/fd").iterdir())) == before
