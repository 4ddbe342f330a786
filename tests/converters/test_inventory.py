"""What of a download is there."""

import hashlib
from pathlib import Path

import pytest

from fgtl.converters.inventory import DIFFERENT, MISSING, UNPACKED, WHOLE, WRONG_SIZE, take_stock
from fgtl.datasets import Archive, Card

CARD = Card(
    "birds",
    "cub",
    folder="birds",
    archives=(
        Archive("birds.tgz", 4, holds="birds/images.txt"),
        Archive("labels.mat", 3),
        Archive("more.mat", optional=True),
    ),
)


def states(data_dir: Path) -> list[str]:
    return [item.state for item in take_stock(CARD, data_dir)]


def test_each_file_is_unpacked_whole_of_the_wrong_size_or_missing(tmp_path: Path) -> None:
    assert states(tmp_path) == [MISSING, MISSING, MISSING]
    (tmp_path / "birds.tgz").write_bytes(b"1234")
    (tmp_path / "labels.mat").write_bytes(b"12")
    assert states(tmp_path) == [WHOLE, WRONG_SIZE, MISSING]
    (tmp_path / "birds").mkdir()
    (tmp_path / "birds/images.txt").touch()
    assert states(tmp_path) == [UNPACKED, WRONG_SIZE, MISSING]


def test_the_folder_it_unpacks_to_and_the_archive_itself_are_looked_at_too(tmp_path: Path) -> None:
    inner = tmp_path / "birds"
    inner.mkdir()
    (inner / "images.txt").touch()
    assert states(inner)[0] == UNPACKED
    (tmp_path / "birds.tgz").write_bytes(b"1234")
    assert states(tmp_path / "birds.tgz") == [WHOLE, MISSING, MISSING]


@pytest.mark.parametrize("data_dir", ["absent", "."])
def test_only_what_a_conversion_needs_is_lacking(tmp_path: Path, data_dir: str) -> None:
    lacking = [item.archive.name for item in take_stock(CARD, tmp_path / data_dir) if item.is_lacking]
    assert lacking == ["birds.tgz", "labels.mat"]


def test_checksums_tell_a_file_of_the_right_size_apart(tmp_path: Path) -> None:
    card = Card("birds", "cub", archives=(Archive("birds.tgz", 4, hashlib.sha256(b"true").hexdigest()),))
    (tmp_path / "birds.tgz").write_bytes(b"fake")
    assert [item.state for item in take_stock(card, tmp_path)] == [WHOLE]
    (item,) = take_stock(card, tmp_path, checksums=True)
    assert (item.state, item.is_lacking) == (DIFFERENT, True)
    (tmp_path / "birds.tgz").write_bytes(b"true")
    assert [item.state for item in take_stock(card, tmp_path, checksums=True)] == [WHOLE]
