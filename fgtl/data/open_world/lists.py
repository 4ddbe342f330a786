"""The lists of an open-world setting on disk, under the names that Smooth-AP and its self-training code use.

lin_train_set1.txt    L_in             one image path a line, relative to the data root
uin_train_set1.txt    U_in
uout_train_set1.txt   U_out
in_train_set1.txt     L_in, U_in
train_set1.txt        L_in, U_in, U_out, in this order
test_set1.txt         images of the test classes; may have a prefix ("Inaturalist_")
true_labels.csv       path, id and label of every listed image; that code takes the class from the path instead
splits.json           how the lists were made, their counts and hashes; written last
"""

import csv
import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

from fgtl.data.open_world.division import Listed, OpenWorld, OpenWorldKnobs
from fgtl.datasets import Card, Sample
from fgtl.errors import DataError, UsageError
from fgtl.files import read_json, write_atomically

SCHEMA = 1
SPLITS_FILE = "splits.json"
TRUE_LABELS = "true_labels.csv"
TEST_LIST = "test_set1.txt"
PARTS = {
    "labelled": "lin_train_set1.txt",
    "unlabelled_known": "uin_train_set1.txt",
    "unlabelled_unknown": "uout_train_set1.txt",
}
COLUMNS = ["path", "id", "label"]


def lists_of(world: OpenWorld, test_prefix: str = "") -> dict[str, tuple[Listed, ...]]:
    """File name -> the images it lists."""
    return {
        **{file: getattr(world, part) for part, file in PARTS.items()},
        "in_train_set1.txt": world.labelled + world.unlabelled_known,
        "train_set1.txt": world.train,
        f"{test_prefix}{TEST_LIST}": world.test,
    }


def describe(card: Card, samples: Iterable[Sample], world: OpenWorld, knobs: OpenWorldKnobs) -> dict[str, Any]:
    """What splits.json says besides the lists: the data set, the rule, who was left out, and the classes' names."""
    pooled = [sample for sample in samples if sample.split in knobs.pool]
    names = {sample.label: sample.class_name for sample in pooled}
    known = {image.label for image in world.labelled}
    roles = {
        "known": known,
        "unknown": {image.label for image in world.train} - known,
        "test": {image.label for image in world.test},
    }
    listed = len(world.train) + len(world.test)
    return {
        "dataset": card.name,
        "level": card.level,
        "card_sha256": card.sha256,
        "rule": {field.name: getattr(knobs, field.name) for field in fields(OpenWorldKnobs)},
        "left_out": {
            "classes": len(names) - sum(map(len, roles.values())),
            "images": len(pooled) - listed,
        },
        "classes": {role: {str(label): names[label] for label in sorted(labels)} for role, labels in roles.items()},
    }


def write_open_world(
    folder: Path, world: OpenWorld, about: Mapping[str, Any], *, test_prefix: str = "", overwrite: bool = False
) -> bool:
    """Write the lists, each whole or not at all, splits.json last; other files in the folder stay.

    Args:
        folder: may hold other things, such as the images.
        world, about: from `divide` and `describe`.
        test_prefix: put before the test list's name ("Inaturalist_").
        overwrite: replace lists with another content.

    Returns:
        False when the same lists were there: then nothing is written.

    Raises:
        UsageError: the prefix makes no file name.
        DataError: other lists are there and `overwrite` is false, or a path cannot stand on a line.

    Memory: the lists' text.
    """
    contents = _contents(world, about, test_prefix)
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder} is a file.", expected="a folder for the lists.")
    there = {name: (folder / name).read_bytes() for name in contents if (folder / name).is_file()}
    if there == contents:
        return False
    others = [name for name in there if there[name] != contents[name]]
    if others and not overwrite:
        raise DataError(
            f"{folder} has lists made from something else: {', '.join(others)}.",
            fix="Name another --output_dir, or give --overwrite to replace them. Nothing was written.",
        )
    folder.mkdir(parents=True, exist_ok=True)
    # A test list of another prefix goes while splits.json still knows of it: a run killed here can be run again.
    for name in _test_lists(folder) - contents.keys():
        (folder / name).unlink(missing_ok=True)
    (folder / SPLITS_FILE).unlink(missing_ok=True)
    for name, content in contents.items():
        write_atomically(folder / name, content)
    return True


def read_facts(folder: Path) -> dict[str, Any]:
    """splits.json; DataError when it is not what `write_open_world` writes."""
    told = read_json(folder / SPLITS_FILE)
    whole = isinstance(told, dict) and isinstance(told.get("lists"), dict) and "true_labels_sha256" in told
    if not whole or not all(
        Path(name).name == name and isinstance(facts, dict) and "sha256" in facts
        for name, facts in told["lists"].items()
    ):
        raise DataError(f"{folder / SPLITS_FILE} does not tell of lists.", fix="Write them again with `fgtl splits`.")
    return told


def _contents(world: OpenWorld, about: Mapping[str, Any], test_prefix: str) -> dict[str, bytes]:
    """File name -> its bytes."""
    lists = lists_of(world, test_prefix)
    if test_prefix and (Path(test_prefix).name != test_prefix or not test_prefix.isprintable()):
        raise UsageError(f"--test_prefix={test_prefix!r} makes no file name.", expected='such as "Inaturalist_".')
    everything = world.train + world.test
    for image in everything:
        _check_line(image.path)
    for what in ("path", "id"):
        if len({getattr(image, what) for image in everything}) < len(everything):
            ((twice, _),) = Counter(getattr(image, what) for image in everything).most_common(1)
            raise DataError(f"Two images have the {what} {twice!r}.", expected="every image listed once.")
    contents = {name: "".join(f"{image.path}\n" for image in images).encode() for name, images in lists.items()}
    table = io.StringIO()
    csv.writer(table, lineterminator="\n").writerows([COLUMNS, *everything])
    contents[TRUE_LABELS] = table.getvalue().encode()
    told = {
        "schema": SCHEMA,
        **{key: value for key, value in about.items() if key != "classes"},
        "lists": {
            name: {
                "images": len(images),
                "classes": len({image.label for image in images}),
                "sha256": hashlib.sha256(contents[name]).hexdigest(),
            }
            for name, images in lists.items()
        },
        "true_labels_sha256": hashlib.sha256(contents[TRUE_LABELS]).hexdigest(),
        "classes": about["classes"],
    }
    contents[SPLITS_FILE] = (json.dumps(told, indent=2, ensure_ascii=False) + "\n").encode()
    return contents


def _check_line(path: str) -> None:
    """DataError when a path would not be read back from a line of its own."""
    try:
        path.encode()
    except UnicodeEncodeError:
        raise DataError(f"The path {path!r} is not UTF-8.", fix="Rename the image.") from None
    if path.splitlines() != [path] or path != path.strip():
        raise DataError(
            f"The path {path!r} cannot stand on a line of a list.",
            expected="no line breaks, and no blanks at its ends.",
            fix="Rename the image.",
        )


def _test_lists(folder: Path) -> set[str]:
    """Names of the test lists that splits.json tells of; none where it is missing or damaged."""
    with suppress(DataError, FileNotFoundError):
        return {name for name in read_facts(folder)["lists"] if name.endswith(TEST_LIST)}
    return set()
