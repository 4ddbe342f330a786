"""The reader of Stanford Cars in its three forms (the whole real lists: test_official_lists)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from fgtl.converters import READERS
from fgtl.data.records import RecordSet
from fgtl.datasets import Archive, Box, Card, Sample
from fgtl.downloads import FolderTree, Tree
from fgtl.errors import DataError

# Neither sorted nor free of what a folder's name cannot have.
NAMES = ["Ram C/V Cargo Van 2012", "Audi V8 Sedan 1994", "Audi 100 Sedan 1994"]
CARD = Card("small", "stanford_cars", annotations=("boxes",), options={"class_names": "\n".join(NAMES)})
TRAIN = [("00001.jpg", 3), ("00002.jpg", 1), ("00003.jpg", 2)]
TEST = [("00001.jpg", 1), ("00002.jpg", 3)]
META, TRAIN_ANNOS, TEST_ANNOS = "devkit/cars_meta.mat", "devkit/cars_train_annos.mat", "cars_test_annos_withlabels.mat"
SIDES = {"bbox_x1": 3.0, "bbox_y1": 1.0, "bbox_x2": 18.0, "bbox_y2": 10.0}


def structs(rows: list[dict[str, Any]]) -> np.ndarray:
    array = np.zeros((1, len(rows)), dtype=[(field, object) for field in rows[0]])
    for column, row in enumerate(rows):
        array[0, column] = tuple(row.values())
    return array


def write_annotations(file: Path, rows: list[tuple[str, int]], **changed: Any) -> None:
    """One row a car, in the order of fields that the official files have."""
    file.parent.mkdir(parents=True, exist_ok=True)
    cars = [{**SIDES, "class": float(number), "fname": name} for name, number in rows]
    cars[-1] |= changed
    savemat(file, {"annotations": structs(cars)})


def write_names(file: Path, names: list[str] = NAMES) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    savemat(file, {"class_names": np.array([names], dtype=object)})


@pytest.fixture
def root(tmp_path: Path, write: Callable[..., None]) -> Path:
    """As published."""
    folder = tmp_path / "cars"
    write(folder, *(f"cars_train/{name}" for name, _ in TRAIN), *(f"cars_test/{name}" for name, _ in TEST))
    write_names(folder / META)
    write_annotations(folder / TRAIN_ANNOS, TRAIN)
    write_annotations(folder / TEST_ANNOS, TEST)
    return folder


@pytest.fixture
def folders(tmp_path: Path, write: Callable[..., None]) -> Path:
    """The same cars as mirrors sort them."""
    top = tmp_path / "folders"
    for split, rows in (("train", TRAIN), ("test", TEST)):
        write(top, *(f"{split}/{NAMES[number - 1].replace('/', '-')}/{name}" for name, number in rows))
    return top


def read(root: Path, card: Card = CARD) -> list[Sample]:
    return list(READERS["stanford_cars"](card, FolderTree(root)))


def test_samples_have_what_the_annotations_say(root: Path) -> None:
    samples = read(root)
    path = "cars_train/00001.jpg"
    assert samples[0] == Sample(path, path, 2, "Audi 100 Sedan 1994", "train", boxes=(Box(2, 0, 18, 10),))
    assert [(sample.id, sample.label, sample.split) for sample in samples[1:]] == [
        ("cars_train/00002.jpg", 0, "train"),
        ("cars_train/00003.jpg", 1, "train"),
        ("cars_test/00001.jpg", 0, "test"),
        ("cars_test/00002.jpg", 2, "test"),
    ]


def test_test_labels_may_lie_in_the_devkit_and_images_in_a_folder_in_their_folder(root: Path) -> None:
    plain = read(root)
    (root / TEST_ANNOS).rename(root / "devkit" / TEST_ANNOS)
    assert read(root) == plain
    (root / "cars_test").rename(root / "inner")
    (root / "cars_test").mkdir()
    (root / "inner").rename(root / "cars_test/cars_test")
    assert [sample.path for sample in read(root)][3:] == [f"cars_test/cars_test/{name}" for name, _ in TEST]


def test_without_test_labels_nothing_is_silently_left_out(root: Path) -> None:
    card = Card("cars", "stanford_cars", images={"train": 3, "test": 2}, archives=(Archive(TEST_ANNOS, 185_758),))
    (root / TEST_ANNOS).unlink()
    for given in (CARD, card):
        with pytest.raises(DataError, match=rf"(?s){TEST_ANNOS} does not exist.*has no labels.*copy the card"):
            read(root, given)
    with pytest.raises(DataError, match=f"{TEST_ANNOS} should have 185,758 bytes"):
        read(root, card)


def test_a_card_without_a_test_split_needs_no_test_labels(root: Path, folders: Path) -> None:
    (root / TEST_ANNOS).unlink()
    card = Card("cars", "stanford_cars", images={"train": 3}, options=CARD.options)
    for folder in (root, folders):
        assert [sample.split for sample in read(folder, card)] == ["train"] * 3


def test_the_form_in_one_piece_gives_the_same_labels(tmp_path: Path, root: Path, write: Callable[..., None]) -> None:
    whole = tmp_path / "whole"
    cars = [
        (f"car_ims/{number:06d}.jpg", *car) for number, car in enumerate([(1, 1, 1), (2, 3, 0), (3, 1, 0), (4, 2, 0)])
    ]
    write(whole, *(path for path, *_ in cars))
    rows = [{"relative_im_path": path, **SIDES, "class": label, "test": test} for path, _, label, test in cars]
    names = np.array([NAMES], dtype=object)
    savemat(whole / "cars_annos.mat", {"annotations": structs(rows), "class_names": names})
    samples = read(whole)
    assert [(sample.id[-5:-4], sample.label, sample.split) for sample in samples] == [
        ("1", 2, "train"),
        ("2", 0, "train"),
        ("3", 1, "train"),
        ("0", 0, "test"),
    ]
    assert {sample.boxes for sample in samples} == {(Box(2, 0, 18, 10),)}
    rows[1]["test"] = 2
    savemat(whole / "cars_annos.mat", {"annotations": structs(rows), "class_names": names})
    with pytest.raises(DataError, match=r"cars_annos\.mat entry 2: test is 2"):
        read(whole)


@pytest.mark.parametrize("top", ["", "car_data", "car_data/car_data"])
def test_folders_by_class_give_the_same_labels(
    tmp_path: Path, root: Path, folders: Path, top: str, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "mirror" / top
    place.parent.mkdir(parents=True, exist_ok=True)
    folders.rename(place)
    samples = read(tmp_path / "mirror")
    assert {(Path(sample.path).name, sample.split, sample.label, sample.class_name) for sample in samples} == {
        (Path(sample.path).name, sample.split, sample.label, sample.class_name) for sample in read(root)
    }
    assert {sample.boxes for sample in samples} == {()}
    assert "not every image has a box" in capsys.readouterr().err


def test_names_come_from_the_devkit_before_the_card(folders: Path) -> None:
    write_names(folders / META, [NAMES[1], NAMES[2], NAMES[0]])
    assert {sample.class_name: sample.label for sample in read(folders)} == {NAMES[1]: 0, NAMES[2]: 1, NAMES[0]: 2}
    (folders / META).unlink()
    with pytest.raises(DataError, match=r"(?s)folders by class.*cars_meta\.mat or the card would tell"):
        read(folders, Card("small", "stanford_cars"))


def test_folders_may_have_their_slash_replaced_in_any_way(folders: Path) -> None:
    plain = [sample.label for sample in read(folders)]
    (folders / "test/Ram C-V Cargo Van 2012").rename(folders / "test/Ram_CV_Cargo_Van_2012")
    assert sorted(sample.label for sample in read(folders)) == sorted(plain)
    (folders / "test/Ram_CV_Cargo_Van_2012").rename(folders / "test/Ram")
    with pytest.raises(DataError, match=r"(?s)00001\.jpg lies in 'Ram', which is no class"):
        read(folders)


def test_boxes_of_the_mirrors_lists_are_read_and_their_classes_compared(
    folders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for split, rows in (("train", TRAIN), ("test", TEST)):
        lines = [f"{name},3,1,18,10,{number}\r\n" for name, number in rows]
        (folders / f"anno_{split}.csv").write_text("".join(lines), newline="")
    assert {sample.boxes for sample in read(folders)} == {(Box(2, 0, 18, 10),)}
    assert capsys.readouterr().err == ""
    for old, new, message in [
        (
            "00002.jpg,3,1,18,10,3",
            "00002.jpg,3,1,18,10,2",
            r"csv line 2: class 2, but 'test/.* in the folder of class 3",
        ),
        ("00002.jpg,3,1,18,10,3", "00002.jpg,3,1,18,10,4", r"csv line 2: class 4"),
        ("00002.jpg,3,1,18,10,3", "00002.jpg,3,1,18,3", r"csv line 2: '00002.jpg,3,1,18,3' cannot be read"),
        ("00002.jpg,3,1,18,10,3", "00001.jpg,3,1,18,10,3", r"csv line 2: the image '00001.jpg' is already on line 1"),
        ("00002.jpg,3,1,18,10,3", "00002.jpg,x,1,18,10,3", r"csv line 2: the box's side 'x' is not a number"),
    ]:
        good = (folders / "anno_test.csv").read_text()
        (folders / "anno_test.csv").write_text(good.replace(old, new))
        with pytest.raises(DataError, match=message):
            read(folders)
        (folders / "anno_test.csv").write_text(good)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"class": 0.0}, r"(?s)cars_train_annos\.mat entry 3: class 0.*1 to 3"),
        ({"class": 4.0}, r"cars_train_annos\.mat entry 3: class 4"),
        ({"class": 1.5}, r"(?s)cars_train_annos\.mat entry 3: class is numbers 1\.5.*a whole number"),
        ({"class": "Audi"}, r"cars_train_annos\.mat entry 3: class is text 'Audi'"),
        ({"fname": 3.0}, r"(?s)cars_train_annos\.mat entry 3: fname is numbers 3\.0.*a text"),
        ({"fname": "00009.jpg"}, r"(?s)entry 3: 'cars_train/00009\.jpg' does not exist.*5 images; 4 are there"),
        ({"fname": "../1.jpg"}, r"entry 3: '\.\./1\.jpg' leads out of"),
        ({"fname": "00002.jpg"}, r"entry 3: the image 'cars_train/00002\.jpg' is already entry 2 of devkit/cars_train"),
        ({"bbox_x1": 0.0}, r"(?s)entry 3: a box from \(0, 1\) to \(18, 10\).*counted from 1"),
        ({"bbox_x2": 2.0}, r"entry 3: a box from \(3, 1\) to \(2, 10\)"),
    ],
)
def test_a_wrong_entry_is_named(root: Path, changed: dict[str, Any], message: str) -> None:
    write_annotations(root / TRAIN_ANNOS, TRAIN, **changed)
    with pytest.raises(DataError, match=message):
        read(root)


def test_wrong_files_are_named(root: Path) -> None:
    savemat(root / TEST_ANNOS, {"annotations": structs([{**SIDES, "fname": "00001.jpg"}])})
    with pytest.raises(DataError, match=rf"(?s){TEST_ANNOS}: annotations is structs.*the field 'class'"):
        read(root)
    write_names(root / META, [NAMES[0], NAMES[1], NAMES[0]])
    with pytest.raises(DataError, match=r"cars_meta\.mat entry 3: the class 'Ram C/V.*' is already entry 1"):
        read(root)
    (root / META).write_bytes((root / META).read_bytes()[:-40])
    with pytest.raises(DataError, match=r"cars_meta\.mat cannot be read as a MATLAB file"):
        read(root)
    (root / META).unlink()
    with pytest.raises(DataError, match=r"cars_meta\.mat does not exist"):
        read(root)


def test_a_folder_in_none_of_the_forms_is_told_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"(?s)cars_train_annos\.mat does not exist.*the layout 'stanford_cars'"):
        read(tmp_path)


def test_it_is_read_from_the_archives_as_they_came(root: Path, packed: Callable[..., Tree]) -> None:
    archives = {name: [name.removesuffix(".tgz")] for name in ("cars_train.tgz", "cars_test.tgz")}
    tree = packed("stanford_cars", root, {**archives, "car_devkit.tgz": ["devkit"], TEST_ANNOS: [TEST_ANNOS]})
    assert list(READERS["stanford_cars"](CARD, tree)) == read(root)


def test_it_converts(root: Path, converted: Callable[..., RecordSet]) -> None:
    records = converted(root, "stanford_cars")
    assert (records.counts, records.class_names) == ({"train": 3, "test": 2}, tuple(NAMES))
    example = records.select("test").example(0)
    assert example["image/object/bbox/xmax"] == pytest.approx([18 / 20])
