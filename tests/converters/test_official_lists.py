"""The readers on the real annotation files of the whole data sets; only the images, and what is said, are made here."""

import tarfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from fgtl.converters.aircraft import read_aircraft
from fgtl.converters.cub import read_cub
from fgtl.converters.flower_102 import read_flower_102
from fgtl.converters.nabirds import read_nabirds
from fgtl.converters.stanford_cars import read_stanford_cars
from fgtl.converters.stanford_dogs import read_stanford_dogs
from fgtl.datasets import Box, load_card
from fgtl.downloads import FolderTree

XML = b"""<annotation><object><name>x</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>3</xmax><ymax>4</ymax></bndbox>
</object></annotation>"""


class Promised(FolderTree):
    """A folder of lists whose images (and annotations of images) all seem to be there; counts what was asked for."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.asked: set[str] = set()

    def is_file(self, name: str) -> bool:
        if name.lower().endswith(".jpg"):
            self.asked.add(name)
            return True
        return name.startswith("Annotation/") or super().is_file(name)

    def is_folder(self, name: str) -> bool:
        return name == "Annotation" or super().is_folder(name)

    def size(self, name: str) -> int:
        return len(XML) if name.startswith("Annotation/") else super().size(name)

    def read(self, name: str) -> bytes:
        return XML if name.startswith("Annotation/") else super().read(name)


@pytest.fixture(scope="module")
def lists(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The published lists, one folder a data set."""
    folder = tmp_path_factory.mktemp("lists")
    for archive in sorted((shared / "data/annotations").glob("*.tar.gz")):
        with tarfile.open(archive) as members:
            for member in filter(tarfile.TarInfo.isfile, members):
                parts = Path(member.name).parts
                assert ".." not in parts
                target = folder.joinpath(*parts)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(members.extractfile(member).read())
    return folder


def labelled(file: Path) -> list[tuple[int, str]]:
    """(label, path) of a list that others published, with labels from 0."""
    return [(int(label), path) for label, path in (line.split() for line in file.read_text().splitlines())]


def test_nabirds_has_48562_images_of_555_leaf_classes(lists: Path) -> None:
    root = lists / "nabirds"
    (root / "parts").mkdir(exist_ok=True)
    ids = [line.split()[0] for line in (root / "images.txt").read_text().splitlines()]
    (root / "parts/parts.txt").write_text("".join(f"{part} part {part}\n" for part in range(11)))
    (root / "parts/part_locs.txt").write_text(
        "".join(f"{image} {part} {part}.0 2.0 {part % 2}\n" for image in ids for part in range(11))
    )
    classes = dict(line.split(maxsplit=1) for line in (root / "classes.txt").read_text().splitlines())
    parents = dict(line.split() for line in (root / "hierarchy.txt").read_text().splitlines())
    class_of = dict(line.split() for line in (root / "image_class_labels.txt").read_text().splitlines())
    ranks = {str(node): rank for rank, node in enumerate(sorted(set(map(int, class_of.values()))))}

    tree = Promised(root)
    samples = list(read_nabirds(load_card("nabirds"), tree))
    assert len(tree.asked) == 48_562
    assert Counter(sample.split for sample in samples) == {"train": 23_929, "test": 24_633}
    assert {sample.label for sample in samples} == set(range(555))
    assert len({sample.class_name for sample in samples}) == 555
    for sample in samples:
        node = class_of[sample.id]
        assert sample.label == ranks[node]
        assert sample.class_name.split() == classes[node].split()
        assert (sample.hierarchy[0], sample.hierarchy[-1]) == ("Birds", sample.class_name)
        assert sample.hierarchy[-2].split() == classes[parents[node]].split()
    first = samples[0]
    assert (first.id, first.split) == ("0000139e-21dc-4d0c-bfe1-4cae3c85c829", "test")
    assert first.path == "images/0817/0000139e21dc4d0cbfe14cae3c85c829.jpg"
    assert first.boxes == (Box(83, 59, 83 + 128, 59 + 228),)
    assert len(first.parts) == 11
    assert first.parts[1].visible


def test_cub_agrees_with_the_paths_and_labels_that_others_published(lists: Path) -> None:
    root = lists / "cub200_2011"
    split_of = dict(line.split() for line in (root / "train_test_split.txt").read_text().splitlines())
    published = {"1": labelled(lists / "hawkeye/cub/train.txt"), "0": labelled(lists / "hawkeye/cub/val.txt")}
    # Ids count through the classes, as both published lists do: together they give images.txt.
    waiting = {split: iter(rows) for split, rows in published.items()}
    rows = [(image, *next(waiting[split])) for image, split in split_of.items()]
    assert all(next(rest, None) is None for rest in waiting.values())
    (root / "images.txt").write_text("".join(f"{image} {path}\n" for image, _, path in rows))
    (root / "bounding_boxes.txt").write_text("".join(f"{image} 1.0 2.0 30.0 40.0\n" for image, *_ in rows))
    tree = Promised(root)
    samples = list(read_cub(load_card("cub_200"), tree))
    assert len(tree.asked) == 11_788
    assert Counter(sample.split for sample in samples) == {"train": 5_994, "test": 5_794}
    assert [sample.label for sample in samples] == [label for _, label, _ in rows]
    assert all(sample.class_name == Path(sample.path).parent.name for sample in samples)
    assert sum(part.visible for sample in samples for part in sample.parts) > 100_000


def test_flowers_are_1020_1020_and_6149(lists: Path) -> None:
    root = lists / "flowers102"
    tree = Promised(root)
    samples = list(read_flower_102(load_card("flower_102"), tree))
    assert len(tree.asked) == 8_189
    assert Counter(sample.split for sample in samples) == {"train": 1_020, "validation": 1_020, "test": 6_149}
    numbers = loadmat(root / "imagelabels.mat")["labels"][0]
    assert all(sample.label == numbers[int(sample.id[-5:]) - 1] - 1 for sample in samples)
    per_class = Counter((sample.split, sample.label) for sample in samples)
    assert {per_class[split, label] for split in ("train", "validation") for label in range(102)} == {10}
    # Image 1 is of class 77, which everybody calls the passion flower.
    assert next(sample for sample in samples if sample.id == "image_00001").class_name == "passion flower"


def test_cars_have_8144_training_images_whose_classes_count_as_others_published(lists: Path) -> None:
    """The real devkit has no test labels: the ones here are made of the published numbers of images per class."""
    root = lists / "stanford_cars"
    counts = Counter(label for label, _ in labelled(lists / "hawkeye/car/val.txt"))
    annotations = loadmat(root / "devkit/cars_test_annos.mat")["annotations"][0]
    labels = [label for label in sorted(counts) for _ in range(counts[label])]
    sides = ("bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2", "fname")
    given = np.zeros((1, len(labels)), dtype=[(field, object) for field in (*sides, "class")])
    for row, annotation, label in zip(given[0], annotations, labels, strict=True):
        for field in sides:
            row[field] = annotation[field]
        row["class"] = float(label + 1)
    savemat(root / "cars_test_annos_withlabels.mat", {"annotations": given})
    tree = Promised(root)
    samples = list(read_stanford_cars(load_card("stanford_cars"), tree))
    assert len(tree.asked) == 16_185
    assert Counter(sample.split for sample in samples) == {"train": 8_144, "test": 8_041}
    assert len({sample.class_name for sample in samples}) == 196
    published = Counter(label for label, _ in labelled(lists / "hawkeye/car/train.txt"))
    assert Counter(sample.label for sample in samples if sample.split == "train") == published
    assert (samples[0].path, samples[0].class_name) == ("cars_train/00001.jpg", "Audi TTS Coupe 2012")
    assert samples[0].boxes == (Box(38, 115, 569, 375),)


def test_the_card_names_the_cars_as_the_devkit_does(lists: Path) -> None:
    names = [cell.item() for cell in loadmat(lists / "stanford_cars/devkit/cars_meta.mat")["class_names"][0]]
    assert load_card("stanford_cars").options["class_names"].splitlines() == names


def test_dogs_are_12000_and_8580(lists: Path, tmp_path: Path) -> None:
    """The published paths and labels, written as the official .mat files have them."""
    for split, name in (("train", "train_list.mat"), ("val", "test_list.mat")):
        rows = labelled(lists / f"hawkeye/dog/{split}.txt")
        files = np.array([[path] for _, path in rows], dtype=object)
        annotations = np.array([[path.removesuffix(".jpg")] for _, path in rows], dtype=object)
        labels = np.array([[label + 1] for label, _ in rows], dtype=np.uint8)
        savemat(tmp_path / name, {"file_list": files, "annotation_list": annotations, "labels": labels})
    tree = Promised(tmp_path)
    samples = list(read_stanford_dogs(load_card("stanford_dogs"), tree))
    assert len(tree.asked) == 20_580
    assert Counter(sample.split for sample in samples) == {"train": 12_000, "test": 8_580}
    folders = sorted({Path(sample.path).parent.name for sample in samples})
    assert all(folders[sample.label] == Path(sample.path).parent.name for sample in samples)
    assert len({sample.class_name for sample in samples}) == 120
    assert samples[0].class_name == "Chihuahua"
    assert {sample.class_name for sample in samples} >= {"African hunting dog", "Shih-Tzu", "black-and-tan coonhound"}


@pytest.mark.parametrize("level", ["variant", "family", "manufacturer"])
def test_aircraft_are_3334_3333_and_3333_at_each_level(lists: Path, tmp_path: Path, level: str) -> None:
    """The published labels, written as the official lists have them; the names are made here."""
    files = {"variant": "variants.txt", "family": "families.txt", "manufacturer": "manufacturers.txt"}
    expected: dict[str, dict[str, int]] = {}
    for name, file in files.items():
        expected[name] = {}
        for split in ("train", "val", "test"):
            rows = labelled(lists / f"hawkeye/aircraft/{split}_{name}.txt")
            expected[name] |= {path.removesuffix(".jpg"): label for label, path in rows}
            lines = [f"{path.removesuffix('.jpg')} The {name} {label}\n" for label, path in rows]
            (tmp_path / f"images_{name}_{split}.txt").write_text("".join(lines))
        classes = max(expected[name].values()) + 1
        (tmp_path / file).write_text("".join(f"The {name} {label}\n" for label in range(classes)))
    (tmp_path / "images_box.txt").write_text("".join(f"{image} 1 1 10 20\n" for image in expected[level]))
    tree = Promised(tmp_path)
    samples = list(read_aircraft(load_card("aircraft").at_level(level), tree))
    assert len(tree.asked) == 10_000
    assert Counter(sample.split for sample in samples) == {"train": 3_334, "validation": 3_333, "test": 3_333}
    assert all(sample.label == expected[level][sample.id] for sample in samples)
    # Each class has one place in the hierarchy.
    assert len({sample.hierarchy for sample in samples}) == len({sample.label for sample in samples})
    assert {len(sample.hierarchy) for sample in samples} == {["manufacturer", "family", "variant"].index(level) + 1}
