"""The reader of Food-101, on files in the official form."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from fgtl.converters import READERS
from fgtl.datasets import Card, Sample, load_card
from fgtl.downloads import FolderTree, Tree
from fgtl.errors import DataError

LISTS = {
    "meta/classes.txt": ["apple_pie", "baby_back_ribs", "beef_tartare"],
    "meta/labels.txt": ["Apple pie", "Baby back ribs", "Beef tartare"],
    "meta/train.txt": ["apple_pie/1005649", "beef_tartare/11", "baby_back_ribs/12", "apple_pie/2"],
    "meta/test.txt": ["baby_back_ribs/12345", "apple_pie/1011328"],
}


@pytest.fixture
def root(tmp_path: Path, write: Callable[..., None]) -> Path:
    write(tmp_path, *(f"images/{image}.jpg" for split in ("train", "test") for image in LISTS[f"meta/{split}.txt"]))
    (tmp_path / "meta").mkdir()
    for name, lines in LISTS.items():
        (tmp_path / name).write_text("\n".join(lines) + "\n")
    (tmp_path / "meta/train.json").write_text("not looked at")
    return tmp_path


def read(root: Path, card: Card | None = None) -> list[Sample]:
    return list(READERS["food_101"](card or Card("small", "food_101"), FolderTree(root)))


def test_samples_have_what_the_lists_say(root: Path) -> None:
    samples = read(root)
    assert samples[1] == Sample("beef_tartare/11", "images/beef_tartare/11.jpg", 2, "Beef tartare", "train")
    assert [sample.split for sample in samples] == ["train"] * 4 + ["test"] * 2


def test_labels_are_places_among_the_sorted_classes_whatever_the_lists_order(root: Path) -> None:
    plain = read(root)
    for name in ("classes", "labels"):
        (root / f"meta/{name}.txt").write_text("\n".join(reversed(LISTS[f"meta/{name}.txt"])))
    assert read(root) == plain


def test_without_labels_txt_classes_are_called_as_their_folders(root: Path) -> None:
    (root / "meta/labels.txt").unlink()
    assert read(root)[0].class_name == "apple pie"


def test_windows_line_ends_and_byte_order_marks_do_not_matter(root: Path) -> None:
    plain = read(root)
    for name, lines in LISTS.items():
        (root / name).write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode())
    assert read(root) == plain


def test_the_whole_set_has_the_counts_of_its_card(lists_only: Callable[[dict[str, str]], Tree]) -> None:
    classes = [f"dish_{number:03d}" for number in range(101)]
    lists = {
        "meta/classes.txt": "\n".join(classes),
        "meta/train.txt": "".join(f"{name}/{number}\n" for name in classes for number in range(750)),
        "meta/test.txt": "".join(f"{name}/{number}\n" for name in classes for number in range(750, 1000)),
    }
    samples = list(READERS["food_101"](load_card("food_101"), lists_only(lists)))
    assert Counter(sample.split for sample in samples) == {"train": 75_750, "test": 25_250}
    assert len({sample.label for sample in samples}) == 101
    lists["meta/test.txt"] = lists["meta/test.txt"].replace("dish_100/999\n", "")
    with pytest.raises(DataError, match="25,249 test images instead of 25,250"):
        list(READERS["food_101"](load_card("food_101"), lists_only(lists)))


@pytest.mark.parametrize(
    ("file", "line", "message"),
    [
        ("train", "apple_pie", r"train\.txt line 5: 'apple_pie' is no image of a class"),
        ("train", "pizza/3", r"train\.txt line 5: 'pizza/3' is no image of a class in classes\.txt"),
        ("train", "apple_pie/../pizza", r"train\.txt line 5: .* leads out of"),
        ("train", "apple_pie/2", r"train\.txt line 5: the image .* is already on line 4 of meta/train\.txt"),
        ("test", "apple_pie/2", r"test\.txt line 3: the image .* is already on line 4 of meta/train\.txt"),
        ("test", "apple_pie/3", r"(?s)test\.txt line 3: .* does not exist.*7 images; 6 are there"),
        ("classes", "apple_pie", r"classes\.txt line 4: the class 'apple_pie' is already on line 1"),
        ("classes", "pizza", r"(?s)labels\.txt names 3 classes.*Expected 4"),
    ],
)
def test_a_wrong_line_is_named(root: Path, file: str, line: str, message: str) -> None:
    name = f"meta/{file}.txt"
    (root / name).write_text("\n".join([*LISTS[name], line]) + "\n")
    with pytest.raises(DataError, match=message):
        read(root)


@pytest.mark.parametrize("name", ["meta/classes.txt", "meta/train.txt", "meta/test.txt"])
def test_a_missing_list_is_named_with_the_official_page(root: Path, name: str) -> None:
    (root / name).unlink()
    with pytest.raises(DataError, match=r"(?s)does not exist.*vision\.ee\.ethz\.ch.*4,996,278,331 bytes"):
        read(root, load_card("food_101"))
