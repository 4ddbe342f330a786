"""The layout of Stanford Dogs: a folder per breed, the split in MATLAB files, boxes in an XML file per image.

Images/<wnid>-<breed>/<wnid>_<n>.jpg
Annotation/<wnid>-<breed>/<wnid>_<n>                         XML; needed when the card has "boxes"
train_list.mat, test_list.mat                                at the top or in lists/, with
    file_list            cells: <wnid>-<breed>/<wnid>_<n>.jpg
    annotation_list      cells: the same without .jpg
    labels               class from 1
"""

from collections.abc import Iterator, Mapping

from fgtl.converters import READERS
from fgtl.converters.checks import check_counts, check_options
from fgtl.converters.mat_files import Entry, enter_entry, read_mat
from fgtl.converters.tables import Line, below_root, require_files, require_images
from fgtl.converters.voc_boxes import read_voc_boxes
from fgtl.datasets import Box, Card, Sample
from fgtl.downloads import Tree
from fgtl.errors import DataError

_LISTS = {"train": "train_list.mat", "test": "test_list.mat"}


@READERS.register("stanford_dogs")
def read_stanford_dogs(card: Card, tree: Tree) -> Iterator[Sample]:
    """Samples in list order, training before test; label = class - 1; "n02116738-African_hunting_dog" is called
    "African hunting dog". Coordinates in the XML are taken as edges that count from 0.

    Raises:
        DataError: with file and entry: something is missing, inconsistent, or not what the card says.
    """
    check_options(card, ())
    folder = "lists/" if tree.is_file(f"lists/{_LISTS['train']}") else ""
    files = {split: f"{folder}{name}" for split, name in _LISTS.items()}
    require_files(card, tree, list(files.values()))
    has_boxes = "boxes" in card.annotations or tree.is_folder("Annotation")

    images: dict[str, Entry] = {}
    annotations: dict[str, Line] = {}
    chosen: dict[str, tuple[str, str, int]] = {}
    for split, file in files.items():
        for entry, annotation, label in _read_list(tree, file, card.classes):
            path = f"Images/{below_root(entry, entry.text)}"
            enter_entry(images, path, entry, "the image")
            chosen[path] = (split, f"Annotation/{below_root(entry, annotation)}", label)
            annotations[chosen[path][1]] = entry
    names = _class_names(images, {path: label for path, (_, _, label) in chosen.items()})
    require_images(card, tree, images)
    if has_boxes:
        require_images(card, tree, annotations)
    samples = [
        Sample(
            id=images[path].text,
            path=path,
            label=label,
            class_name=names[label],
            split=split,
            boxes=tuple(Box(*sides) for sides in read_voc_boxes(tree, annotation)) if has_boxes else (),
        )
        for path, (split, annotation, label) in chosen.items()
    ]
    check_counts(card, samples, len(names), tree.where())
    yield from samples


def _read_list(tree: Tree, name: str, classes: int | None) -> Iterator[tuple[Entry, str, int]]:
    """(entry of the image, name of its annotation, label from 0)."""
    file = read_mat(tree, name)
    images, annotations = file.texts("file_list"), file.texts("annotation_list")
    labels = file.whole_numbers("labels")
    if not len(images) == len(annotations) == len(labels):
        raise DataError(
            f"{file.file}: file_list has {len(images):,} entries, annotation_list {len(annotations):,}, "
            f"labels {len(labels):,}.",
            expected="as many of each.",
        )
    for image, annotation, label in zip(images, annotations, labels, strict=True):
        if label < 1 or (classes is not None and label > classes):
            raise image.error(f"class {label}", expected=f"1 to {classes:,}." if classes else "classes from 1.")
        yield image, annotation.text, label - 1


def _class_names(images: Mapping[str, Entry], labels: Mapping[str, int]) -> dict[int, str]:
    """Readable names by label; a class must have one folder, a folder one class."""
    folders: dict[int, str] = {}
    owners: dict[str, int] = {}
    for path, entry in images.items():
        folder, label = entry.text.rpartition("/")[0], labels[path]
        if folders.setdefault(label, folder) != folder:
            raise entry.error(f"class {label + 1} for {entry.text!r}, though {folders[label]!r} has that class")
        if owners.setdefault(folder, label) != label:
            raise entry.error(f"class {label + 1} for {entry.text!r}, though its folder has class {owners[folder] + 1}")
    names = {label: folder.partition("-")[2].replace("_", " ") or folder for label, folder in folders.items()}
    return names if len(set(names.values())) == len(names) else folders
