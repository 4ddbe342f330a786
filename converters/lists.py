"""List files: train.txt, val.txt and perhaps test.txt, one image a line, as the iNaturalist-transfer code reads them.

train.txt    <path>: <label>         the path may hold blanks, and ": " too: the last one counts
labels.txt   <label>:<class name>    optional

Paths are relative to the folder of the lists, or absolute and below it.

That code calls the official test split "val". So val.txt gives the test split when there is no test.txt (written
with --shard_names slim, its shards are called validation_*, as there); beside a test.txt it gives the validation split.
"""

from collections.abc import Iterator
from itertools import count
from pathlib import PurePosixPath

from fgtl.converters import READERS
from fgtl.converters.checks import check_counts, check_options
from fgtl.converters.tables import Line, enter, integer, listed_path, read_lines, require_files, require_images
from fgtl.datasets import Card, Sample
from fgtl.downloads import Tree
from fgtl.errors import DataError

_LABELS = "labels.txt"
_LISTS = ("train.txt", "val.txt", "test.txt")


@READERS.register("lists")
def read_lists(card: Card, tree: Tree) -> Iterator[Sample]:
    """Samples in list order, train.txt before val.txt before test.txt; the id is the path.

    A class is called what labels.txt says; without it what the images' parent folder is called, when each class
    has a folder to itself; otherwise it is its number.

    Raises:
        DataError: with file and line: something is missing, twice there, cannot be read, or not what the card says.
    """
    check_options(card, ())
    require_files(card, tree, ["train.txt"])
    present = [name for name in _LISTS if tree.is_file(name)]
    split_of = {"train.txt": "train", "val.txt": "validation" if "test.txt" in present else "test", "test.txt": "test"}
    lines: dict[str, Line] = {}
    labels: dict[str, int] = {}
    for name in present:
        for line in read_lines(tree, name):
            path, label = _parse(tree, line)
            enter(lines, path, line, "the image")
            labels[path] = label
    names = _class_names(card, tree, lines, labels)
    require_images(card, tree, lines)
    samples = [
        Sample(
            id=path,
            path=path,
            label=labels[path],
            class_name=names[labels[path]],
            split=split_of[line.name],
        )
        for path, line in lines.items()
    ]
    check_counts(card, samples, len(names), tree.where())
    yield from samples


def _parse(tree: Tree, line: Line) -> tuple[str, int]:
    path, colon, text = line.text.rpartition(": ")
    if not colon or not path.strip():
        raise line.error(f"{line.text!r} cannot be read", expected="<path>: <label>.")
    label = integer(line, text.strip(), "label")
    if label < 0:
        raise line.error(f"label {label}", expected="labels from 0.")
    return listed_path(tree, line, path.strip()), label


def _class_names(card: Card, tree: Tree, lines: dict[str, Line], labels: dict[str, int]) -> list[str]:
    """Names by label; every label up to the last must have training images."""
    names = _read_label_names(tree) if tree.is_file(_LABELS) else None
    trained = {labels[path] for path, line in lines.items() if line.name == "train.txt"}
    classes = len(names) if names is not None else card.classes or max(labels.values(), default=-1) + 1
    for path, label in labels.items():
        if label >= classes:
            source = "labels.txt" if names is not None else f"the card {card.name}"
            raise lines[path].error(f"label {label}, but {source} has {classes:,} classes", expected="labels from 0.")
    absent = next(label for label in count() if label not in trained)
    if absent < classes:
        raise DataError(
            f"{tree.where('train.txt')} has no image of label {absent}.",
            expected=f"images of all {classes:,} classes; {len(trained):,} have some.",
        )
    return names if names is not None else _folder_names(labels) or [str(label) for label in range(classes)]


def _read_label_names(tree: Tree) -> list[str]:
    lines: dict[int, Line] = {}
    owners: dict[str, Line] = {}
    for line in read_lines(tree, _LABELS):
        text, colon, name = line.text.partition(":")
        if not colon or not name.strip():
            raise line.error(f"{line.text!r} cannot be read", expected="<label>:<class name>.")
        enter(lines, integer(line, text.strip(), "label"), line, "label")
        enter(owners, name.strip(), line, "the class")
    for label, line in lines.items():
        if not 0 <= label < len(lines):
            raise line.error(f"label {label} in a list of {len(lines):,}", expected=f"0 to {len(lines) - 1:,}.")
    return [lines[label].text.partition(":")[2].strip() for label in sorted(lines)]


def _folder_names(labels: dict[str, int]) -> list[str]:
    """Parent folders' names by label, when classes and names are one to one; otherwise an empty list."""
    pairs = {(label, PurePosixPath(path).parent.name) for path, label in labels.items()}
    owned = {name for _, name in pairs}
    if "" in owned or not len(pairs) == len(owned) == len(set(labels.values())):
        return []
    return [name for _, name in sorted(pairs)]
