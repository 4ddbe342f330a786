"""The reader of Stanford Dogs' layout, on files in the official form (its published lists: test_official_lists)."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from fgtl.converters import READERS
from fgtl.data.records import RecordSet
from fgtl.datasets import Box, Card, Sample, load_card
from fgtl.downloads import FolderTree, Tree
from fgtl.errors import DataError

CARD = Card("small", "stanford_dogs", classes=2, annotations=("boxes",))
ROWS = {
    "train_list.mat": [("n02085620-Chihuahua/n02085620_5927", 1), ("n02116738-African_hunting_dog/n02116738_9829", 2)],
    "test_list.mat": [("n02085620-Chihuahua/n02085620_7", 1)],
}
OBJECT = """<object><name>dog</name><pose>Unspecified</pose>
<bndbox><xmin>{}</xmin><ymin>1</ymin><xmax> 12 </xmax><ymax>8</ymax></bndbox></object>"""


def write_list(file: Path, rows: list[tuple[str, int]]) -> None:
    """As the official lists: columns of cells, and a column of labels."""
    names = np.array([[name] for name, _ in rows], dtype=object)
    files = np.array([[f"{name}.jpg"] for name, _ in rows], dtype=object)
    labels = np.array([[label] for _, label in rows], dtype=np.uint8)
    savemat(file, {"file_list": files, "annotation_list": names, "labels": labels})


@pytest.fixture
def root(tmp_path: Path, write: Callable[..., None]) -> Path:
    folder = tmp_path / "dogs"
    for file, rows in ROWS.items():
        write(folder / "Images", *(f"{name}.jpg" for name, _ in rows))
        write_list(folder / file, rows)
        for name, label in rows:
            (folder / "Annotation" / name).parent.mkdir(parents=True, exist_ok=True)
            objects = "".join(OBJECT.format(3 + number) for number in range(label))
            (folder / "Annotation" / name).write_text(
                f"<annotation>\n<size><width>20</width></size>{objects}</annotation>"
            )
    return folder


def read(root: Path, card: Card = CARD) -> list[Sample]:
    return list(READERS["stanford_dogs"](card, FolderTree(root)))


def test_samples_have_what_the_files_say(root: Path) -> None:
    samples = read(root)
    assert samples[1] == Sample(
        id="n02116738-African_hunting_dog/n02116738_9829.jpg",
        path="Images/n02116738-African_hunting_dog/n02116738_9829.jpg",
        label=1,
        class_name="African hunting dog",
        split="train",
        boxes=(Box(3, 1, 12, 8), Box(4, 1, 12, 8)),
    )
    assert [(sample.class_name, sample.split) for sample in samples] == [
        ("Chihuahua", "train"),
        ("African hunting dog", "train"),
        ("Chihuahua", "test"),
    ]


def test_the_lists_may_lie_in_a_folder_of_their_own(root: Path) -> None:
    plain = read(root)
    (root / "lists").mkdir()
    for name in ROWS:
        (root / name).rename(root / "lists" / name)
    assert read(root) == plain


def test_classes_whose_readable_names_are_equal_keep_their_folders_names(
    root: Path, write: Callable[..., None]
) -> None:
    write(root / "Images", "n1-Toy_dog/1.jpg", "n2-Toy dog/2.jpg")
    write_list(root / "train_list.mat", [("n1-Toy_dog/1", 1), ("n2-Toy dog/2", 2)])
    write_list(root / "test_list.mat", [])
    (root / "Annotation").rename(root / "elsewhere")
    samples = read(root, Card("small", "stanford_dogs"))
    assert [sample.class_name for sample in samples] == ["n1-Toy_dog", "n2-Toy dog"]
    assert samples[0].boxes == ()


def one(name: str, label: int) -> list[tuple[str, int]]:
    return [*ROWS["train_list.mat"], (name, label)]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (one("n1-Pug/1", 0), r"(?s)train_list\.mat entry 3: class 0.*1 to 2"),
        (one("n1-Pug/1", 3), r"train_list\.mat entry 3: class 3"),
        (one("n1-Pug/1", 2), r"train_list\.mat entry 3: class 2 for 'n1-Pug/1\.jpg', though 'n02116738-.*' has that"),
        (one("../../1", 2), r"train_list\.mat entry 3: .* leads out of"),
        (one("n02085620-Chihuahua/9", 2), r"train_list\.mat entry 3: class 2 for .*, though 'n02116738"),
        (one(*ROWS["train_list.mat"][0]), r"train_list\.mat entry 3: the image .* is already entry 1 of train_list"),
        (one(*ROWS["test_list.mat"][0]), r"test_list\.mat entry 1: the image .* is already entry 3 of train_list"),
        (one("n02085620-Chihuahua/9", 1), r"train_list\.mat entry 3: 'Images/.*/9\.jpg' does not exist"),
    ],
)
def test_a_wrong_entry_is_named(root: Path, rows: list[tuple[str, int]], message: str) -> None:
    write_list(root / "train_list.mat", rows)
    with pytest.raises(DataError, match=message):
        read(root)


def test_lists_of_different_length_and_of_other_things_are_told(root: Path) -> None:
    names = np.array([["a/1.jpg"], ["a/2.jpg"]], dtype=object)
    savemat(root / "train_list.mat", {"file_list": names, "annotation_list": names, "labels": [1]})
    with pytest.raises(DataError, match="file_list has 2 entries, annotation_list 2, labels 1"):
        read(root)
    savemat(root / "train_list.mat", {"file_list": [1, 2], "annotation_list": names, "labels": [1, 1]})
    with pytest.raises(DataError, match=r"(?s)file_list is numbers of shape \(1, 2\).*a list of texts"):
        read(root)
    names[1, 0] = 7
    savemat(root / "train_list.mat", {"file_list": names, "annotation_list": names, "labels": [1, 1]})
    with pytest.raises(DataError, match="entry 2: file_list is numbers 7"):
        read(root)


def test_missing_files_are_told_with_the_archives(root: Path) -> None:
    name = ROWS["test_list.mat"][0][0]
    (root / "Annotation" / name).unlink()
    with pytest.raises(DataError, match=rf"test_list\.mat entry 1: 'Annotation/{name}' does not exist"):
        read(root)
    (root / "test_list.mat").unlink()
    with pytest.raises(DataError, match=r"(?s)test_list\.mat does not exist.*lists\.tar should have 481,280 bytes"):
        read(root, load_card("stanford_dogs"))


def test_a_damaged_annotation_is_named(root: Path) -> None:
    name = ROWS["test_list.mat"][0][0]
    (root / "Annotation" / name).write_text("<annotation><object>")
    with pytest.raises(DataError, match=f"{name} is not XML"):
        read(root)


def test_a_folder_of_two_classes_is_told(root: Path) -> None:
    write_list(root / "train_list.mat", one("n02085620-Chihuahua/9", 3))
    with pytest.raises(DataError, match=r"entry 3: class 3 for 'n02085620-.*', though its folder has class 1"):
        read(root, Card("small", "stanford_dogs"))


def test_it_is_read_from_the_archives_as_they_came(root: Path, packed: Callable[..., Tree]) -> None:
    archives = {"images.tar": ["Images"], "annotation.tar": ["Annotation"], "lists.tar": list(ROWS)}
    assert list(READERS["stanford_dogs"](CARD, packed("stanford_dogs", root, archives))) == read(root)


def test_it_converts_with_all_boxes(root: Path, converted: Callable[..., RecordSet]) -> None:
    records = converted(root, "stanford_dogs")
    assert (records.counts, records.class_names) == ({"train": 2, "test": 1}, ("Chihuahua", "African hunting dog"))
    boxes = {records.select("train").example(row)["image/object/bbox/xmin"].__len__() for row in range(2)}
    assert boxes == {1, 2}
