"""The layouts of Stanford Cars: as published, as published again in one piece, and as mirrors sort it into folders.

cars_train/00001.jpg ..., cars_test/00001.jpg ...
devkit/cars_meta.mat                    class_names: 196 names
devkit/cars_train_annos.mat             annotations: bbox_x1, bbox_y1, bbox_x2, bbox_y2, class, fname
cars_test_annos_withlabels.mat          the same of the test images; at the top or in devkit/

car_ims/000001.jpg ...
cars_annos.mat                          class_names, and annotations with relative_im_path for fname, and test (0, 1)

train/<class name>/*.jpg, test/...      at the top, in car_data/ or in car_data/car_data/; see `stanford_cars_folders`

Labels are the official ones (class - 1) in all three. Boxes count from 1 and include their last pixel.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from fgtl.converters import READERS
from fgtl.converters.checks import check_counts, check_options
from fgtl.converters.class_names import OPTION, names_on_card
from fgtl.converters.mat_files import Entry, enter_entry, read_mat, text_of, whole_numbers_of
from fgtl.converters.pixel_boxes import box_from_one
from fgtl.converters.stanford_cars_folders import find_folders, read_folders
from fgtl.converters.tables import below_root, require_files, require_images
from fgtl.datasets import Card, Sample
from fgtl.downloads import Tree
from fgtl.errors import DataError

_META, _TRAIN = "devkit/cars_meta.mat", "devkit/cars_train_annos.mat"
_TEST = "cars_test_annos_withlabels.mat"
_ALL = "cars_annos.mat"
_NUMBERS = ("bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2", "class")


@READERS.register("stanford_cars")
def read_stanford_cars(card: Card, tree: Tree) -> Iterator[Sample]:
    """Samples in the order of the annotations, training before test, or of the folders.

    A card whose `images` name only some splits gets only those: the way to convert without the test labels.

    Raises:
        DataError: with file and entry: something is missing, inconsistent, or not what the card says.
    """
    check_options(card, (OPTION,))
    splits = [split for split in ("train", "test") if not card.images or split in card.images]
    if tree.is_file(_TRAIN):
        names = _names(tree, _META)
        samples = _read_two_parts(card, tree, splits, names)
    elif tree.is_file(_ALL):
        names = _names(tree, _ALL)
        samples = _read_one_piece(card, tree, splits, names)
    elif folders := find_folders(tree, splits):
        names = _names(tree, _META) if tree.is_file(_META) else names_on_card(card)
        samples = read_folders(card, tree, folders, names)
    else:
        require_files(card, tree, [_TRAIN, _META])
    check_counts(card, samples, len(names), tree.where())
    yield from samples


def _names(tree: Tree, file: str) -> list[str]:
    owners: dict[str, Entry] = {}
    for entry in read_mat(tree, file).texts("class_names"):
        enter_entry(owners, entry.text, entry, "the class")
    return list(owners)


def _read_two_parts(card: Card, tree: Tree, splits: list[str], names: list[str]) -> list[Sample]:
    """cars_train and cars_test with the devkit; both count their images from 00001.jpg."""
    files = {"train": _TRAIN, "test": next((name for name in (_TEST, f"devkit/{_TEST}") if tree.is_file(name)), "")}
    if "test" in splits and not files["test"]:
        raise DataError(
            f"{tree.where(_TEST)} does not exist: the devkit's own cars_test_annos.mat has no labels.",
            expected=f"{_TEST} at the top or in devkit/; it is a download of its own.",
            fix="To convert the training images alone, copy the card, take test out of its [images], and give the "
            f"copy as --dataset.\n{card.where_from()}".rstrip(),
        )
    require_files(card, tree, [_META, *(files[split] for split in splits)])
    listed: dict[str, Entry] = {}
    samples = []
    for split in splits:
        folder = f"cars_{split}"
        # One of the mirrors has the folder in a folder of the same name.
        folder = f"{folder}/{folder}" if tree.is_folder(f"{folder}/{folder}") else folder
        for entry, row in read_mat(tree, files[split]).rows("annotations", ("fname", *_NUMBERS)):
            path = f"{folder}/{below_root(entry, text_of(entry, 'fname', row['fname']))}"
            samples.append(_sample(entry, path, row, split, names))
            enter_entry(listed, path, entry, "the image")
    require_images(card, tree, listed)
    return samples


def _read_one_piece(card: Card, tree: Tree, splits: list[str], names: list[str]) -> list[Sample]:
    """car_ims with cars_annos.mat."""
    listed: dict[str, Entry] = {}
    found: dict[str, list[Sample]] = {split: [] for split in ("train", "test")}
    for entry, row in read_mat(tree, _ALL).rows("annotations", ("relative_im_path", *_NUMBERS, "test")):
        path = below_root(entry, text_of(entry, "relative_im_path", row["relative_im_path"]))
        (test,) = whole_numbers_of(entry, row, ("test",))
        if test not in (0, 1):
            raise entry.error(f"test is {test}", expected="0 or 1.")
        sample = _sample(entry, path, row, ("train", "test")[test], names)
        found[sample.split].append(sample)
        enter_entry(listed, path, entry, "the image")
    require_images(card, tree, listed)
    return [sample for split in splits for sample in found[split]]


def _sample(entry: Entry, path: str, row: Mapping[str, Any], split: str, names: list[str]) -> Sample:
    *sides, number = whole_numbers_of(entry, row, _NUMBERS)
    if not 1 <= number <= len(names):
        raise entry.error(f"class {number}", expected=f"1 to {len(names):,}.")
    return Sample(
        id=path,
        path=path,
        label=number - 1,
        class_name=names[number - 1],
        split=split,
        boxes=(box_from_one(entry, *sides),),
    )
