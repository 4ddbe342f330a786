"""One folder per class, with or without folders for the splits above them.

root/<class>/<image>                   split by seed: options `test_fraction` and `seed`
root/<split>/<class>/<image>           split as given; train, val | valid | validation, test
"""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from fgtl.console import warn
from fgtl.converters import READERS
from fgtl.converters.checks import check_counts, check_options
from fgtl.datasets import SPLITS, Card, Sample
from fgtl.errors import DataError
from fgtl.files import place_below

_SPLIT_OF = {"train": "train", "val": "validation", "valid": "validation", "validation": "validation", "test": "test"}
# Endings decide only what is looked at; what an image is, its content says. HEIC is here so that it is reported.
IMAGE_ENDINGS = {
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".webp", ".bmp", ".dib", ".tif", ".tiff"),
    *(".ppm", ".pgm", ".jp2", ".avif", ".heic", ".heif"),
}

Found = dict[str, list[Path]]  # class name -> its images, in order of their paths


@READERS.register("folder")
def read_folder(card: Card, root: Path) -> Iterator[Sample]:
    """Samples sorted by split, class and path; classes are numbered in the order of their names.

    Without split folders, each class gives round(`test_fraction` x its images) to the test split, but never all:
    those that come first by the hash of (seed, id). Adding images moves few others. A class may have images in
    sub-folders. Hidden files and folders are skipped; links to folders inside a class are not followed.

    Args:
        card: options `test_fraction` (default 0.2) and `seed` (default 0), for a folder without splits.
        root: the folder.

    Raises:
        DataError: no class folders, an empty class, a class without training images, a name that is not UTF-8.
    """
    check_options(card, ("test_fraction", "seed"))
    ignored: list[Path] = []
    split_folders = _find_splits(root)
    if split_folders:
        found = {split: _find_classes(folder, ignored) for split, folder in split_folders.items()}
    else:
        found = _divide(card, root, _find_classes(root, ignored))
    if ignored:
        warn(f"{root}: {len(ignored):,} files do not end like images and are left out, {ignored[0]} for one.")
    names = _check_classes(root, found)
    labels = {name: label for label, name in enumerate(names)}
    samples = [
        Sample(_id_of(path, root), path, labels[name], name, split)
        for split, classes in found.items()
        for name, paths in classes.items()
        for path in paths
    ]
    check_counts(card, samples, len(names), root)
    yield from samples


def _find_splits(root: Path) -> dict[str, Path]:
    """Split -> its folder; empty when the folders under `root` are classes.

    They are splits when all have names of splits, or when one is called train and holds folders. (A class among
    others may be called train: it holds images.)
    """
    folders = _folders_in(root)
    split_of = {folder: _SPLIT_OF.get(folder.name.lower(), "") for folder in folders}
    train = [folder for folder in folders if split_of[folder] == "train"]
    if not folders or not (all(split_of.values()) or any(_folders_in(folder) for folder in train)):
        return {}
    if not train:
        raise DataError(f"{root} has {', '.join(folder.name for folder in folders)}, but no folder train.")
    splits: dict[str, Path] = {}
    for folder, split in split_of.items():
        if not split and _images_below(folder, []):
            raise DataError(
                f"{folder} lies beside {train[0].name}, but is no split.",
                expected="only train, validation (or val, valid) and test.",
                fix="Move it away, or move the class folders out of their splits.",
            )
        if split in splits:
            raise DataError(f"{splits[split]} and {folder} are both the {split} split.", fix="Merge them.")
        if split:
            splits[split] = folder
    return {split: splits[split] for split in SPLITS if split in splits}


def _find_classes(folder: Path, ignored: list[Path]) -> Found:
    """Class name -> images of every folder in `folder`; files that do not end like images go to `ignored`."""
    folders = _folders_in(folder)
    if not folders:
        raise DataError(
            f"{folder} holds no folders.",
            expected="one folder per class, named as the class, with its images.",
            fix="Images without a class cannot be learnt from; `fgtl predict` takes them.",
        )
    loose = [
        entry
        for entry in sorted(folder.iterdir())
        if not entry.name.startswith(".") and _ends_like_an_image(entry.name) and entry.is_file()
    ]
    if loose:
        raise DataError(
            f"{loose[0]} lies beside the class folders, as do {len(loose) - 1:,} other images.",
            expected="every image in the folder of its class.",
        )
    found = {entry.name: _images_below(entry, ignored) for entry in folders}
    for entry in folders:
        if not found[entry.name]:
            raise DataError(f"The class folder {entry} holds no image.", fix="Fill it or remove it.")
    return found


def _check_classes(root: Path, found: dict[str, Found]) -> list[str]:
    """All class names, sorted. Every class needs training images; one that a later split lacks is only reported."""
    names = sorted(found["train"])
    for split, classes in found.items():
        untrained = sorted(set(classes) - set(names))
        if untrained:
            raise DataError(
                f"{root}: the {split} split has {_some(untrained)}, of which train has no images.",
                expected="every class in train.",
            )
        # A split made here leaves out only classes of a single image.
        lacking = sorted(set(names) - set(classes))
        if lacking:
            warn(f"{root}: the {split} split has no images of {_some(lacking)}.")
    return names


def _some(names: list[str]) -> str:
    shown = ", ".join(map(repr, names[:5]))
    more = f" and {len(names) - 5:,} more" if len(names) > 5 else ""
    return f"the class{'es' if len(names) > 1 else ''} {shown}{more}"


def _divide(card: Card, root: Path, classes: Found) -> dict[str, Found]:
    """A seeded test split, the same share of every class."""
    fraction, seed = _fraction(card), card.options.get("seed", "0")
    divided: dict[str, Found] = {"train": {}, "test": {}}
    for name, paths in classes.items():
        ranked = sorted(paths, key=lambda path: hashlib.sha256(f"{seed}:{_id_of(path, root)}".encode()).digest())
        count = min(max(round(fraction * len(paths)), 1 if fraction else 0), len(paths) - 1)
        chosen = set(ranked[:count])
        divided["train"][name] = [path for path in paths if path not in chosen]
        if chosen:
            divided["test"][name] = [path for path in paths if path in chosen]
    return divided


def _fraction(card: Card) -> float:
    text = card.options.get("test_fraction", "0.2")
    try:
        fraction = float(text)
    except ValueError:
        fraction = -1.0
    if not 0 <= fraction < 1:
        raise DataError(f"The card {card.name} has test_fraction = {text!r}.", expected="a number from 0 to below 1.")
    return fraction


def _folders_in(folder: Path) -> list[Path]:
    """Folders and links to folders in `folder`, sorted; not the hidden ones, nor links that lead back up."""
    entries = [entry for entry in sorted(folder.iterdir()) if not entry.name.startswith(".") and entry.is_dir()]
    here = folder.resolve()
    return [entry for entry in entries if not (entry.is_symlink() and here.is_relative_to(entry.resolve()))]


def _ends_like_an_image(name: str) -> bool:
    return name[name.rfind(".") :].lower() in IMAGE_ENDINGS


def _images_below(folder: Path, ignored: list[Path]) -> list[Path]:
    """Image files in the folder and its sub-folders, sorted; links to folders are not followed.

    Scanned and sorted as strings: with millions of images, a stat and a Path object each would be most of the listing.
    """
    found: list[str] = []
    pending = [str(folder)]
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir():
                    if not entry.is_symlink():
                        pending.append(entry.path)
                elif _ends_like_an_image(entry.name) and entry.is_file():
                    found.append(entry.path)
                else:
                    ignored.append(Path(entry.path))
    return [Path(path) for path in sorted(found)]


def _id_of(path: Path, root: Path) -> str:
    # Every path was found by scanning `root`, so it lies below it.
    name = place_below(path, root) or str(path)
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        raise DataError(f"The name of {name!r} under {root} is not UTF-8.", fix="Rename it.") from None
    return name
