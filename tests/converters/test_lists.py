"""The reader of list files (acceptance C3 of the transfer work), and its class names."""

from collections.abc import Callable
from pathlib import Path

import pytest

from fgtl.converters import READERS
from fgtl.datasets import Card, Sample
from fgtl.downloads import FolderTree
from fgtl.errors import DataError

Write = Callable[..., None]
TRAIN = ["b/two.jpg: 1", "a/one one.jpg: 0", "c/3: three.jpg: 2"]
VAL = ["c/four.jpg: 2"]


def read(root: Path, card: Card | None = None) -> list[Sample]:
    return list(READERS["lists"](card or Card("mine", "lists"), FolderTree(root)))


@pytest.fixture
def root(tmp_path: Path, write: Write) -> Path:
    write(tmp_path, "b/two.jpg", "a/one one.jpg", "c/3: three.jpg", "c/four.jpg")
    (tmp_path / "train.txt").write_text("\n".join(TRAIN) + "\n")
    (tmp_path / "val.txt").write_text("\n".join(VAL) + "\n")
    return tmp_path


def test_list_order_blanks_and_colons_in_paths(root: Path) -> None:
    samples = read(root)
    assert [(sample.id, sample.label, sample.split) for sample in samples] == [
        ("b/two.jpg", 1, "train"),
        ("a/one one.jpg", 0, "train"),
        ("c/3: three.jpg", 2, "train"),
        ("c/four.jpg", 2, "test"),
    ]
    assert samples[2].path == "c/3: three.jpg"


def test_test_txt_is_the_test_split_and_val_txt_is_not_needed(root: Path) -> None:
    (root / "val.txt").rename(root / "test.txt")
    assert [sample.split for sample in read(root)] == ["train", "train", "train", "test"]


def test_val_txt_is_the_validation_split_only_beside_a_test_txt(root: Path, write: Write) -> None:
    # The original calls the official test split "val".
    assert [sample.split for sample in read(root)][3:] == ["test"]
    write(root, "c/five.jpg")
    (root / "test.txt").write_text("c/five.jpg: 2\n")
    assert [(sample.id, sample.split) for sample in read(root)][3:] == [
        ("c/four.jpg", "validation"),
        ("c/five.jpg", "test"),
    ]


def test_absolute_paths_below_the_folder_are_relative_to_it(root: Path) -> None:
    plain = read(root)
    (root / "train.txt").write_text("".join(f"{root}/{line}\n" for line in TRAIN))
    assert read(root) == plain
    (root / "train.txt").write_text(f"{root}/../{root.name}/{TRAIN[0]}\n")
    with pytest.raises(DataError, match=r"train\.txt line 1: .* is absolute and lies outside"):
        read(root)
    (root / "train.txt").write_text(f"{root}-2/{TRAIN[0]}\n")
    with pytest.raises(DataError, match=r"train\.txt line 1: .* is absolute and lies outside"):
        read(root)


def test_blank_lines_windows_line_ends_and_byte_order_marks_do_not_matter(root: Path) -> None:
    plain = read(root)
    (root / "train.txt").write_bytes(b"\xef\xbb\xbf\r\n" + "\r\n\r\n".join(TRAIN).encode())
    assert read(root) == plain


def test_names_come_from_the_folders_when_they_match_the_labels(root: Path) -> None:
    assert [sample.class_name for sample in read(root)] == ["b", "a", "c", "c"]


def test_names_are_numbers_when_a_folder_has_two_classes_or_a_class_two_folders(root: Path, write: Write) -> None:
    write(root, "a/five.jpg")
    (root / "val.txt").write_text("a/five.jpg: 1\n")
    assert [sample.class_name for sample in read(root)] == ["1", "0", "2", "1"]
    write(root, "d/six.jpg")
    (root / "val.txt").write_text("d/six.jpg: 2\n")
    assert {sample.class_name for sample in read(root)} == {"0", "1", "2"}


def test_names_come_from_labels_txt_when_there_is_one(root: Path) -> None:
    (root / "labels.txt").write_text("2:gamma: rays\n0:alpha\n\n1:beta\n")
    assert [sample.class_name for sample in read(root)] == ["beta", "alpha", "gamma: rays", "gamma: rays"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0:a\n1 b\n", r"labels\.txt line 2: '1 b' cannot be read"),
        ("0:a\nx:b\n", r"labels\.txt line 2: label 'x' is not a whole number"),
        ("0:a\n2:b\n", r"labels\.txt line 2: label 2 in a list of 2"),
        ("0:a\n0:b\n", r"labels\.txt line 2: label 0 is already on line 1"),
        ("0:a\n1:a\n", r"labels\.txt line 2: the class 'a' is already on line 1"),
        ("0:a\n1:b\n", r"train\.txt line 3: label 2, but labels\.txt has 2 classes"),
        ("0:a\n1:b\n2:c\n3:d\n", r"train\.txt has no image of label 3"),
    ],
)
def test_wrong_label_names_are_named(root: Path, text: str, message: str) -> None:
    (root / "labels.txt").write_text(text)
    with pytest.raises(DataError, match=message):
        read(root)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("b/five.jpg", r"(?s)val\.txt line 2: 'b/five\.jpg' cannot be read.*<path>: <label>"),
        ("b/five.jpg:1", r"val\.txt line 2: .* cannot be read"),
        (": 1", r"val\.txt line 2: .* cannot be read"),
        ("b/five.jpg: one", r"val\.txt line 2: label 'one' is not a whole number"),
        ("b/five.jpg: 1.0", r"val\.txt line 2: label '1\.0' is not a whole number"),
        ("b/five.jpg: -1", r"val\.txt line 2: label -1"),
        ("../five.jpg: 1", r"val\.txt line 2: .* leads out of"),
        ("/etc/five.jpg: 1", r"val\.txt line 2: '/etc/five\.jpg' is absolute and lies outside /"),
        (r"b\five.jpg: 1", r"(?s)val\.txt line 2: 'b\\\\five\.jpg' does not exist.*by slashes, not as Windows"),
        ("b/two.jpg: 1", r"val\.txt line 2: the image 'b/two\.jpg' is already on line 1 of train\.txt"),
        ("b/five.jpg: 1", r"(?s)val\.txt line 2: 'b/five\.jpg' does not exist.*5 images; 4 are there"),
        ("b/five.jpg: 999999999999", r"train\.txt has no image of label 3"),
    ],
)
def test_a_wrong_line_is_named(root: Path, line: str, message: str) -> None:
    (root / "val.txt").write_text(f"{VAL[0]}\n{line}\n")
    with pytest.raises(DataError, match=message):
        read(root)


def test_labels_beyond_the_card_are_named(root: Path) -> None:
    with pytest.raises(DataError, match=r"train\.txt line 3: label 2, but the card mine has 2 classes"):
        read(root, Card("mine", "lists", classes=2))


def test_an_empty_list_and_a_missing_list(root: Path) -> None:
    (root / "train.txt").write_text("\n")
    with pytest.raises(DataError, match="no image of label 0"):
        read(root)
    (root / "val.txt").write_text("")
    with pytest.raises(DataError, match="no training images"):
        read(root)
    (root / "train.txt").unlink()
    with pytest.raises(DataError, match=r"train\.txt does not exist"):
        read(root)
