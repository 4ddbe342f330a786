"""The reader of CUB-200-2011's layout, on a small set, on damage of every kind, and on 50 real classes (all lists: test_official_lists)."""

import shutil
from collections import Counter
from pathlib import Path

import pytest

from fgtl.converters import READERS
from fgtl.datasets import Archive, Box, Card, PartPoint, Sample, load_card
from fgtl.downloads import FolderTree
from fgtl.errors import DataError

CARD = Card("small", "cub")


def read(root: Path, card: Card = CARD) -> list[Sample]:
    return list(READERS["cub"](card, FolderTree(root)))


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


def test_samples_have_what_the_lists_say(cub: Path) -> None:
    samples = read(cub)
    assert [sample.id for sample in samples] == ["10", "20", "30", "40", "50", "60"]
    assert samples[2] == Sample(
        id="30",
        path="images/002.Song_Thrush/bird number 2.jpg",
        label=1,
        class_name="002.Song_Thrush",
        split="train",
        boxes=(Box(2.5, 1.0, 12.5, 9.0),),
        parts=(PartPoint("beak", 3.0, 1.0, True), PartPoint("left wing", 3.0, 2.0, False)),
    )
    assert Counter(sample.split for sample in samples) == {"train": 3, "test": 3}


def test_boxes_and_parts_are_optional_unless_the_card_has_them(cub: Path) -> None:
    shutil.rmtree(cub / "parts")
    (cub / "bounding_boxes.txt").unlink()
    assert all(not sample.boxes and not sample.parts for sample in read(cub))
    with pytest.raises(DataError, match=r"bounding_boxes\.txt does not exist"):
        read(cub, Card("small", "cub", annotations=("boxes",)))
    with pytest.raises(DataError, match=r"parts\.txt does not exist"):
        read(cub, Card("small", "cub", annotations=("parts",)))


def test_windows_line_ends_byte_order_mark_blank_lines_and_any_order_of_lines(cub: Path) -> None:
    plain = read(cub)
    for file in [*cub.glob("*.txt"), *cub.glob("parts/*.txt")]:
        lines = file.read_text().splitlines()
        if file.name != "images.txt":
            lines.reverse()
        file.write_bytes(b"\xef\xbb\xbf" + "\r\n\r\n".join(lines).encode() + b"\r\n \r\n")
    assert read(cub) == plain


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("images.txt", "20 001", "10 001", r"images\.txt line 2: image id '10' is already on line 1"),
        ("images.txt", "number 1", "number 0", r"images\.txt line 2: the image .* is already on line 1"),
        ("images.txt", "20 001", "20 ../001", r"images\.txt line 2: .* leads out of"),
        ("images.txt", "20 001", "20 /001", r"images\.txt line 2: .* leads out of"),
        ("images.txt", "10 001.Robin/bird number 0.jpg", "10", r"images\.txt line 1: '10' cannot be read"),
        ("images.txt", "20 001", "25 001", r"class_labels\.txt line 2: image id 20 is not in images\.txt"),
        ("image_class_labels.txt", "30 2", "30 " + "9" * 5000, r"class_labels\.txt line 3: .* is not a whole number"),
        ("image_class_labels.txt", "30 2", "30 two", r"class_labels\.txt line 3: class id 'two' is not"),
        ("image_class_labels.txt", "30 2", "30 4", r"class_labels\.txt line 3: class id 4 is not in classes\.txt"),
        ("image_class_labels.txt", "30 2", "30 0", r"class_labels\.txt line 3: class id 0 is not"),
        ("image_class_labels.txt", "30 2", "20 2", r"class_labels\.txt line 3: image id '20' is already on line 2"),
        ("image_class_labels.txt", "30 2", "", r"(?s)class_labels\.txt has no line for image 30.*; 5 are there"),
        ("train_test_split.txt", "30 1", "30 2", r"split\.txt line 3: split '2' of image 30"),
        ("train_test_split.txt", "60 0", "", r"split\.txt has no line for image 60 \(.*images\.txt line 6\)"),
        ("classes.txt", "3 003", "4 003", r"classes\.txt line 3: class id 4 in a list of 3"),
        ("classes.txt", "3 003.Wren", "3 001.Robin", r"classes\.txt line 3: the class '001\.Robin' is already"),
        ("bounding_boxes.txt", "2.5 1.0", "2.5 x", r"boxes\.txt line 3: y 'x' is not a number"),
        ("bounding_boxes.txt", "2.5 1.0", "nan 1.0", r"boxes\.txt line 3: x 'nan' is not a number"),
        ("bounding_boxes.txt", "2.5 1.0 10.0", "2.5 1.0 0", r"boxes\.txt line 3: a box of 0 x 8 pixels"),
        ("bounding_boxes.txt", "2.5 1.0", "2.5", r"(?s)boxes\.txt line 3: .* cannot be read.*<width> <height>"),
        ("parts/parts.txt", "2 left wing", "2", r"parts\.txt line 2: '2' cannot be read"),
        ("parts/part_locs.txt", "30 2", "30 3", r"locs\.txt line 6: part id 3 is not in parts\.txt"),
        ("parts/part_locs.txt", "30 2", "30 1", r"locs\.txt line 6: a second line for part 1 of image 30"),
        ("parts/part_locs.txt", "30 2", "31 2", r"locs\.txt line 6: image id 31 is not in images\.txt"),
        ("parts/part_locs.txt", "30 1 3.0 1.0 1", "30 1 3.0 1.0 7", r"locs\.txt line 5: visible = '7'"),
        ("parts/part_locs.txt", "30 1 3.0 1.0 1", "", r"no line for part 1 \(beak\) of image 30"),
    ],
)
def test_a_wrong_line_is_named(cub: Path, file: str, old: str, new: str, message: str) -> None:
    change(cub / file, old, new)
    with pytest.raises(DataError, match=message):
        read(cub)


def test_a_file_that_is_not_utf8_is_named_with_its_line(cub: Path) -> None:
    (cub / "classes.txt").write_bytes("1 001.Robin\n2 002.Dro\u00dfel\n3 003.Wren\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"classes\.txt line 2 is not UTF-8"):
        read(cub)


def test_missing_images_are_named_and_counted_with_the_size_of_the_archive(cub: Path) -> None:
    card = Card("small", "cub", homepage="https://birds.example", archives=(Archive("birds.tgz", 1_150_585_339),))
    (cub / "images/002.Song_Thrush/bird number 3.jpg").unlink()
    (cub / "images/003.Wren/bird number 4.jpg").unlink()
    with pytest.raises(DataError) as caught:
        read(cub, card)
    text = str(caught.value)
    assert "images.txt line 4: 'images/002.Song_Thrush/bird number 3.jpg' does not exist" in text
    assert "Expected 6 images; 4 are there" in text
    assert "birds.tgz should have 1,150,585,339 bytes" in text


@pytest.mark.parametrize("name", ["images.txt", "image_class_labels.txt", "train_test_split.txt", "classes.txt"])
def test_a_missing_list_is_named_with_the_official_page(cub: Path, name: str) -> None:
    (cub / name).unlink()
    with pytest.raises(DataError, match=rf"(?s){name} does not exist.*data\.caltech\.edu.*CUB_200_2011\.tgz"):
        read(cub, load_card("cub_200"))


def test_counts_that_disagree_with_the_card_are_told_with_both_numbers(cub: Path) -> None:
    with pytest.raises(DataError, match="3 classes instead of 200, 3 train images instead of 5,994"):
        read(cub, Card("small", "cub", classes=200, images={"train": 5994, "test": 3}))
    assert read(cub, Card("small", "cub", classes=3, images={"train": 3, "test": 3}))
    with pytest.raises(DataError, match="3 test images instead of 0"):
        read(cub, Card("small", "cub", images={"train": 3}))


def test_parts_that_are_not_the_cards_are_refused(cub: Path) -> None:
    with pytest.raises(DataError, match="names other parts than the card small: beak, left wing"):
        read(cub, Card("small", "cub", part_names=("beak", "tail")))


def test_an_option_of_another_layout_is_refused(cub: Path) -> None:
    with pytest.raises(DataError, match="option 'seed'"):
        read(cub, Card("small", "cub", options={"seed": "3"}))


def test_a_set_without_training_images_is_refused(cub: Path) -> None:
    file = cub / "train_test_split.txt"
    file.write_text(file.read_text().replace(" 1\n", " 0\n"))
    with pytest.raises(DataError, match="no training images"):
        read(cub)


def test_the_first_50_real_classes(shared: Path) -> None:
    card = Card("cub_50", "cub", classes=50, images={"train": 1500, "test": 1389}, annotations=("boxes", "parts"))
    samples = read(shared / "data/cub_50", card)
    assert len(samples) == 2889
    assert {sample.label for sample in samples} == set(range(50))
    assert all(len(sample.parts) == 15 and len(sample.boxes) == 1 for sample in samples)
