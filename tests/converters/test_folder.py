"""One folder per class, with and without folders for the splits."""

import os
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from fgtl.converters import READERS
from fgtl.datasets import Card, Sample
from fgtl.downloads import FolderTree
from fgtl.errors import DataError

Write = Callable[..., None]


def read(root: Path, **options: str) -> list[Sample]:
    return list(READERS["folder"](Card("mine", "folder", options=options), FolderTree(root)))


def split_of(samples: list[Sample]) -> dict[str, str]:
    return {sample.id: sample.split for sample in samples}


@pytest.mark.parametrize("validation", ["val", "valid", "validation", "Validation"])
def test_splits_are_as_the_folders_say(tmp_path: Path, write: Write, validation: str) -> None:
    write(tmp_path, "train/wren/1.jpg", "train/robin/2.png", f"{validation}/wren/3.jpg", f"{validation}/robin/4.jpg")
    write(tmp_path, "test/robin/5.JPG", "test/wren/deep/6.webp")
    assert [(sample.id, sample.label, sample.class_name, sample.split) for sample in read(tmp_path)] == [
        ("train/robin/2.png", 0, "robin", "train"),
        ("train/wren/1.jpg", 1, "wren", "train"),
        (f"{validation}/robin/4.jpg", 0, "robin", "validation"),
        (f"{validation}/wren/3.jpg", 1, "wren", "validation"),
        ("test/robin/5.JPG", 0, "robin", "test"),
        ("test/wren/deep/6.webp", 1, "wren", "test"),
    ]


def test_the_current_folder_gives_the_same_ids(tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "train/wren/1.jpg", "train/robin/2.png", "test/robin/5.JPG", "test/wren/6.webp")
    monkeypatch.chdir(tmp_path)
    assert [sample.id for sample in read(Path())] == [sample.id for sample in read(tmp_path)]
    assert read(Path())[0].id == "train/robin/2.png"


def test_without_split_folders_every_class_gives_the_same_share(tmp_path: Path, write: Write) -> None:
    sizes = {"a": 40, "b": 10, "c": 2, "d": 1}
    write(tmp_path, *(f"{name}/{row}.jpg" for name, size in sizes.items() for row in range(size)))
    samples = read(tmp_path)
    tests = Counter(sample.class_name for sample in samples if sample.split == "test")
    assert tests == {"a": 8, "b": 2, "c": 1}, "never all images of a class"
    assert len(samples) == 53
    assert Counter(s.class_name for s in read(tmp_path, test_fraction="0.5") if s.split == "test")["a"] == 20
    assert {sample.split for sample in read(tmp_path, test_fraction="0")} == {"train"}


def test_the_split_follows_the_seed_and_hardly_moves_when_images_come(tmp_path: Path, write: Write) -> None:
    write(tmp_path, *(f"a/{row}.jpg" for row in range(100)))
    first = split_of(read(tmp_path))
    assert split_of(read(tmp_path)) == first
    assert split_of(read(tmp_path, seed="1")) != first
    write(tmp_path, "a/another.jpg")
    later = split_of(read(tmp_path))
    assert sum(later[image] != split for image, split in first.items()) <= 1


def test_a_class_called_train_is_a_class(tmp_path: Path, write: Write) -> None:
    write(tmp_path, *(f"{name}/{row}.jpg" for name in ("car", "plane", "train") for row in range(5)))
    assert {sample.class_name for sample in read(tmp_path)} == {"car", "plane", "train"}


def test_hidden_files_are_skipped_and_other_files_counted(
    tmp_path: Path, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, "a/1.jpg", "a/.2.jpg", "a/.hidden/3.jpg", ".git/4.jpg", "a/notes.txt", "a/b.md", "readme.txt")
    assert [sample.id for sample in read(tmp_path)] == ["a/1.jpg"]
    assert "2 files do not end like images" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_links_are_followed_to_classes_but_never_in_circles(tmp_path: Path, write: Write) -> None:
    write(tmp_path, "elsewhere/1.jpg", "root/a/2.jpg")
    root = tmp_path / "root"
    (root / "linked").symlink_to(tmp_path / "elsewhere")
    (root / "circle").symlink_to(root)
    (root / "a/circle").symlink_to(root)
    (root / "self").symlink_to("self")
    assert [sample.id for sample in read(root)] == ["a/2.jpg", "linked/1.jpg"]


def test_images_without_class_folders_are_refused(tmp_path: Path, write: Write) -> None:
    write(tmp_path, "1.jpg", "2.jpg")
    with pytest.raises(DataError, match="(?s)holds no folders.*one folder per class"):
        read(tmp_path)
    write(tmp_path, "a/3.jpg")
    with pytest.raises(DataError, match=r"(?s)1\.jpg lies beside the class folders, as do 1 other"):
        read(tmp_path)


def test_splits_without_class_folders_are_refused(tmp_path: Path, write: Write) -> None:
    write(tmp_path, "train/1.jpg", "test/2.jpg")
    with pytest.raises(DataError, match="train holds no folders"):
        read(tmp_path)


def test_an_empty_folder_and_an_empty_class_are_refused(tmp_path: Path, write: Write) -> None:
    with pytest.raises(DataError, match="holds no folders"):
        read(tmp_path)
    write(tmp_path, "a/1.jpg")
    (tmp_path / "b").mkdir()
    with pytest.raises(DataError, match=r"The class folder .*b holds no image"):
        read(tmp_path)


def test_every_class_must_be_in_train(tmp_path: Path, write: Write) -> None:
    write(tmp_path, "train/a/1.jpg", "test/a/2.jpg", "test/b/3.jpg", "test/c/4.jpg")
    with pytest.raises(DataError, match="the test split has the classes 'b', 'c', of which train has no images"):
        read(tmp_path)


def test_a_class_that_only_a_later_split_lacks_is_reported(
    tmp_path: Path, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, "train/a/1.jpg", "train/b/2.jpg", "test/a/3.jpg")
    assert len(read(tmp_path)) == 3
    assert "the test split has no images of the class 'b'" in capsys.readouterr().err


def test_folders_that_contradict_each_other_are_refused(tmp_path: Path, write: Write) -> None:
    write(tmp_path, "val/a/1.jpg", "test/a/2.jpg")
    with pytest.raises(DataError, match="but no folder train"):
        read(tmp_path)
    write(tmp_path, "train/a/3.jpg", "valid/a/4.jpg")
    with pytest.raises(DataError, match="are both the validation split"):
        read(tmp_path)
    (tmp_path / "valid").rename(tmp_path / "extra")
    with pytest.raises(DataError, match="extra lies beside train, but is no split"):
        read(tmp_path)
    (tmp_path / "extra/a/4.jpg").unlink()
    assert len(read(tmp_path)) == 3, "a folder without images is nobody's split"


@pytest.mark.parametrize("text", ["a fifth", "1", "-0.1", "nan"])
def test_a_wrong_share_is_refused(tmp_path: Path, write: Write, text: str) -> None:
    write(tmp_path, "a/1.jpg")
    with pytest.raises(DataError, match="test_fraction"):
        read(tmp_path, test_fraction=text)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems forbid such names")
def test_a_name_that_is_not_utf8_is_refused(tmp_path: Path, jpeg: bytes) -> None:
    (tmp_path / "a").mkdir()
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/a/\xff.jpg")).write_bytes(jpeg)
    with pytest.raises(DataError, match="is not UTF-8"):
        read(tmp_path)


def test_real_flowers(shared: Path) -> None:
    samples = read(shared / "data/flowers_12")
    assert Counter(sample.split for sample in samples) == {"train": 720, "test": 240}
    assert len({sample.class_name for sample in samples}) == 12
