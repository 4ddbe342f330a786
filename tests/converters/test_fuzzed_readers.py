"""Damaged lists of every layout, made by chance: a reader gives samples or a DataError, never another exception.

FGTL_FUZZ_EXAMPLES=100000 pytest tests/converters/test_fuzzed_readers.py      looks longer
"""

import io
import json
import os
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.io import savemat

from fgtl.converters import READERS
from fgtl.datasets import Card, Sample
from fgtl.downloads import Listing, Place, Tree
from fgtl.errors import DataError, UsageError

EXAMPLES = int(os.environ.get("FGTL_FUZZ_EXAMPLES", "40"))
# What hand-made damage looks like: other separators, other numbers, other encodings, structure that does not end.
SCRAPS = [b"", b"\n", b"\r\n", b" ", b"\t", b"\0", b"-1", b"0", b"9" * 30, b"1e400", b"nan", b"\xff", b"\xef\xbb\xbf"]
SCRAPS += [b"../", b"/", b":", b": ", b",", b'"', b"{", b"[" * 50, b"<a>", b"&x;", b"\xe2\x80\xa8", "ü".encode()]


def mat(**variables: object) -> bytes:
    buffer = io.BytesIO()
    savemat(buffer, variables)
    return buffer.getvalue()


def cells(*texts: str) -> np.ndarray:
    return np.array([[text] for text in texts], object)


def annotations(*rows: tuple) -> np.ndarray:
    names = ["bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2", "class", "fname"]
    listed = np.zeros((1, len(rows)), [(name, object) for name in names])
    for place, row in enumerate(rows):
        for name, value in zip(names, row, strict=True):
            listed[name][0, place] = value
    return listed


def coco(*rows: tuple[int, str, int]) -> bytes:
    taxon = {"kingdom": "Animalia", "phylum": "p", "class": "Aves", "order": "o", "family": "f", "genus": "g"}
    content = {
        "images": [{"id": number, "file_name": name, "width": 4, "height": 3} for number, name, _ in rows],
        "annotations": [{"id": number, "image_id": number, "category_id": label} for number, _, label in rows],
        "categories": [{"id": label, "name": f"species {label}", "supercategory": "Aves", **taxon} for label in (0, 1)],
    }
    return json.dumps(content).encode()


BIRDS = {
    "images.txt": b"1 a/1.jpg\n2 a/2.jpg\n3 b/3.jpg\n4 b/4.jpg\n",
    "image_class_labels.txt": b"1 1\n2 1\n3 2\n4 2\n",
    "train_test_split.txt": b"1 1\n2 0\n3 1\n4 0\n",
    "classes.txt": b"1 Robin\n2 Wren\n",
    "bounding_boxes.txt": b"1 1 2 3 4\n2 1 2 3 4\n3 1.5 2 3 4\n4 1 2 3 4\n",
    "parts/parts.txt": b"1 beak\n2 left wing\n",
    "parts/part_locs.txt": b"1 1 1.0 2.0 1\n1 2 0 0 0\n2 1 1 2 1\n2 2 0 0 0\n3 1 1 2 1\n3 2 0 0 0\n4 1 1 2 1\n4 2 0 0 0\n",
}
LEVELS = ("variant", "family", "manufacturer")
AIRCRAFT = {
    **{f"data/{name}.txt": b"A\nB\n" for name in ("variants", "families", "manufacturers")},
    **{
        f"data/images_{level}_{split}.txt": f"000000{row} A\n000001{row} B\n".encode()
        for level in LEVELS
        for row, split in enumerate(("train", "val", "test"))
    },
    "data/images_box.txt": "".join(f"00000{row:02d} 1 1 9 9\n" for row in (0, 1, 2, 10, 11, 12)).encode(),
}
DOG = b"<annotation><object><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>5</xmax><ymax>5</ymax></bndbox></object></annotation>"
DOGS = {
    f"{split}_list.mat": mat(
        file_list=cells(f"n1-Pug/n1_{split}.jpg", f"n2-Basset/n2_{split}.jpg"),
        annotation_list=cells(f"n1-Pug/n1_{split}", f"n2-Basset/n2_{split}"),
        labels=np.array([[1.0], [2.0]]),
    )
    for split in ("train", "test")
}
DOGS |= {f"Annotation/{name}_{split}": DOG for name in ("n1-Pug/n1", "n2-Basset/n2") for split in ("train", "test")}
CARS = {
    "devkit/cars_meta.mat": mat(class_names=np.array([["Audi A", "Ram C/V"]], object)),
    "devkit/cars_train_annos.mat": mat(
        annotations=annotations((1, 1, 5, 5, 1, "00001.jpg"), (1, 1, 5, 5, 2, "00002.jpg"))
    ),
    "cars_test_annos_withlabels.mat": mat(
        annotations=annotations((1, 1, 5, 5, 1, "00001.jpg"), (1, 1, 5, 5, 2, "00002.jpg"))
    ),
}
PETS = {
    "annotations/trainval.txt": b"Abyssinian_1 1 1 1\nbeagle_1 2 2 1\n",
    "annotations/test.txt": b"Abyssinian_2 1 1 1\nbeagle_2 2 2 1\n",
    "annotations/list.txt": b"#Image CLASS-ID\nAbyssinian_1 1 1 1\nbeagle_1 2 2 1\nAbyssinian_2 1 1 1\nbeagle_2 2 2 1\n",
}
FOOD = {
    "meta/classes.txt": b"apple_pie\nbeef\n",
    "meta/labels.txt": b"Apple pie\nBeef\n",
    "meta/train.txt": b"apple_pie/1\nbeef/2\n",
    "meta/test.txt": b"apple_pie/3\nbeef/4\n",
}
NAMES = [b"path,label,split,xmin,ymin,xmax,ymax\n", b"a/1.jpg,x,train,0,0,2,2\n", b"b/2.jpg,y,train,0,0,2,2\n"]
LAYOUTS: dict[str, dict[str, bytes]] = {
    "cub": BIRDS,
    "nabirds": {**BIRDS, "hierarchy.txt": b"1 0\n2 0\n", "classes.txt": b"0 Birds\n1 Robin\n2 Wren\n"},
    "aircraft": AIRCRAFT,
    "stanford_dogs": DOGS,
    "stanford_cars": CARS,
    "flower_102": {
        "imagelabels.mat": mat(labels=np.array([[1, 2, 1, 2, 1, 2]], np.uint8)),
        "setid.mat": mat(trnid=np.array([[1, 2]]), valid=np.array([[3, 4]]), tstid=np.array([[5, 6]])),
    },
    "oxford_pet": PETS,
    "food_101": FOOD,
    "inat": {
        "train2017.json": coco((1, "a/1.jpg", 0), (2, "b/2.jpg", 1)),
        "val2017.json": coco((3, "a/3.jpg", 0), (4, "b/4.jpg", 1)),
    },
    "lists": {"train.txt": b"a/1.jpg: 0\nb/2.jpg: 1\n", "val.txt": b"a/3.jpg: 0\n", "labels.txt": b"0:x\n1:y\n"},
    "table": {"list.csv": b"".join(NAMES)},
}
OPTIONS = {"table": {"table": "list.csv"}, "inat": {"train": "train2017.json", "validation": "val2017.json"}}


class AllImages(Tree):
    """Lists in memory; every image that they name is said to be there."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self._files = files

    def where(self, name: str = "") -> str:
        return f"lists/{name}"

    def is_file(self, name: str) -> bool:
        return name in self._files or name.endswith(".jpg")

    def is_folder(self, name: str) -> bool:
        return not name or any(file.startswith(f"{name}/") for file in self._files)

    def state(self, name: str) -> tuple[int, int]:
        return len(self._files.get(name, b"")), 0

    def read(self, name: str) -> bytes:
        if name not in self._files:
            raise DataError(f"{name} does not exist.")
        return self._files[name]

    def list(self, folder: str = "") -> Listing:
        below = [name[len(folder) + bool(folder) :] for name in self._files if name.startswith(folder)]
        folders = {name.partition("/")[0] for name in below if "/" in name}
        return Listing(tuple(sorted(folders)), tuple(sorted(name for name in below if "/" not in name)))

    def walk(self, folder: str = "") -> Iterator[str]:
        yield from sorted(name for name in self._files if name.startswith(folder))

    def place(self, name: str) -> Place:
        return Place(name)


def read(layout: str, files: dict[str, bytes]) -> list[Sample]:
    return list(READERS[layout](Card("small", layout, options=OPTIONS.get(layout, {})), AllImages(files)))


def damaged(content: bytes, draw: Callable) -> bytes:
    """One of: a byte changed, bytes cut out, a scrap put in, a line twice or gone, two lines swapped, the end missing."""
    at, end = (draw(st.integers(0, len(content))) for _ in range(2))
    kind = draw(st.sampled_from(["byte", "cut", "scrap", "line twice", "line gone", "swapped", "short"]))
    if kind == "byte" and at < len(content):
        return content[:at] + bytes([draw(st.integers(0, 255))]) + content[at + 1 :]
    if kind == "cut":
        return content[: min(at, end)] + content[max(at, end) :]
    if kind == "scrap":
        return content[:at] + draw(st.sampled_from(SCRAPS)) + content[at:]
    if kind == "short":
        return content[:at]
    lines = content.split(b"\n")
    first, second = (draw(st.integers(0, len(lines) - 1)) for _ in range(2))
    if kind == "line twice":
        lines.insert(second, lines[first])
    elif kind == "line gone":
        del lines[first]
    else:
        lines[first], lines[second] = lines[second], lines[first]
    return b"\n".join(lines)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_undamaged_lists_are_read(layout):
    assert len(read(layout, LAYOUTS[layout])) in (2, 3, 4, 6)


@pytest.mark.parametrize("layout", LAYOUTS)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_damaged_lists_give_samples_or_a_message(layout, data):
    files = dict(LAYOUTS[layout])
    for _ in range(data.draw(st.integers(1, 3))):
        name = data.draw(st.sampled_from(sorted(files)))
        files[name] = damaged(files[name], data.draw)
    try:
        samples = read(layout, files)
    except (DataError, UsageError) as error:
        assert str(error).strip()
        return
    labels = {sample.label for sample in samples}
    assert min(labels) >= 0 and len({sample.id for sample in samples}) == len(samples)
    assert not any(sample.path.startswith("/") or ".." in sample.path.split("/") for sample in samples)
