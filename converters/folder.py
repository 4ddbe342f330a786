"""One folder per class, with or without folders for the splits above them.

<class>/<image>                   split by seed: options `test_fraction` and `seed`
<split>/<class>/<image>           split as given; train, val | valid | validation, test (and training, dev, testing)
"""

from collections.abc import Iterator

from fgtl.console import warn
from fgtl.converters import READERS
from fgtl.converters.checks import check_counts, check_options
from fgtl.converters.division import OPTIONS, held_out
from fgtl.converters.split_words import SPLIT_OF
from fgtl.datasets import SPLITS, Card, Sample
from fgtl.downloads import Tree
from fgtl.downloads.names import ends_like_an_image
from fgtl.downloads.tree import join
from fgtl.errors import DataError

# Of macOS archives, of network disks, of Windows, of Linux file systems.
_JUNK = {"__macosx", "@eadir", "#recycle", "$recycle.bin", "system volume information", "lost+found"}

Found = dict[str, list[str]]  # class name -> names of its images, sorted


@READERS.register("folder")
def read_folder(card: Card, tree: Tree) -> Iterator[Sample]:
    """Samples sorted by split, class and path; classes are numbered in the order of their names; the id is the path.

    Without split folders, a seeded share of each class becomes the test split (`fgtl.converters.division`). A class
    may have images in sub-folders. Hidden files and folders are skipped; links to folders inside a class are not
    followed.

    Raises:
        DataError: no class folders, an empty class, a class without training images, a name that is not UTF-8.
    """
    check_options(card, OPTIONS)
    ignored: list[str] = []
    split_folders = _find_splits(tree)
    if split_folders:
        found = {split: _find_classes(tree, folder, ignored) for split, folder in split_folders.items()}
    else:
        found = _divide(card, tree, _find_classes(tree, "", ignored))
    if ignored:
        warn(
            f"{tree.where()}: {len(ignored):,} files do not end like images and are left out, "
            f"{tree.where(ignored[0])} for one."
        )
    names = _check_classes(tree, found)
    labels = {name: label for label, name in enumerate(names)}
    samples = [
        Sample(_printable(path, tree), path, labels[name], name, split)
        for split, classes in found.items()
        for name, paths in classes.items()
        for path in paths
    ]
    check_counts(card, samples, len(names), tree.where())
    yield from samples


def _find_splits(tree: Tree) -> dict[str, str]:
    """Split -> its folder; empty when the folders at the top are classes.

    They are splits when all have names of splits, or when one is called train and holds folders. (A class among
    others may be called train: it holds images.)
    """
    folders = class_folders(tree, "")
    split_of = {folder: SPLIT_OF.get(folder.lower(), "") for folder in folders}
    train = [folder for folder in folders if split_of[folder] == "train"]
    if not folders or not (all(split_of.values()) or any(class_folders(tree, folder) for folder in train)):
        return {}
    if not train:
        raise DataError(f"{tree.where()} has {', '.join(folders)}, but no folder train.")
    splits: dict[str, str] = {}
    for folder, split in split_of.items():
        if not split and any(map(ends_like_an_image, tree.walk(folder))):
            raise DataError(
                f"{tree.where(folder)} lies beside {train[0]}, but is no split.",
                expected="only train, validation (or val, valid) and test.",
                fix="Move it away, or move the class folders out of their splits.",
            )
        if split in splits:
            raise DataError(
                f"{tree.where(splits[split])} and {tree.where(folder)} are both the {split} split.", fix="Merge them."
            )
        if split:
            splits[split] = folder
    return {split: splits[split] for split in SPLITS if split in splits}


def _find_classes(tree: Tree, folder: str, ignored: list[str]) -> Found:
    """Class name -> images of every folder in `folder`; files that do not end like images go to `ignored`."""
    folders = class_folders(tree, folder)
    if not folders:
        raise DataError(
            f"{tree.where(folder)} holds no folders.",
            expected="one folder per class, named as the class, with its images.",
            fix="Images without a class cannot be learnt from; `fgtl predict` takes them.",
        )
    loose = [name for name in tree.list(folder).files if not name.startswith(".") and ends_like_an_image(name)]
    if loose:
        raise DataError(
            f"{tree.where(join(folder, loose[0]))} lies beside the class folders, as do {len(loose) - 1:,} other images.",
            expected="every image in the folder of its class.",
        )
    found: Found = {}
    for name in folders:
        files = list(tree.walk(join(folder, name)))
        found[name] = [file for file in files if ends_like_an_image(file)]
        ignored += [file for file in files if not ends_like_an_image(file)]
        if not found[name]:
            raise DataError(
                f"The class folder {tree.where(join(folder, name))} holds no image.", fix="Fill it or remove it."
            )
    return found


def _check_classes(tree: Tree, found: dict[str, Found]) -> list[str]:
    """All class names, sorted. Every class needs training images; one that a later split lacks is only reported."""
    names = sorted(found["train"])
    for split, classes in found.items():
        untrained = sorted(set(classes) - set(names))
        if untrained:
            raise DataError(
                f"{tree.where()}: the {split} split has {_some(untrained)}, of which train has no images.",
                expected="every class in train.",
            )
        # A split made here leaves out only classes of a single image.
        lacking = sorted(set(names) - set(classes))
        if lacking:
            warn(f"{tree.where()}: the {split} split has no images of {_some(lacking)}.")
    return names


def _some(names: list[str]) -> str:
    shown = ", ".join(map(repr, names[:5]))
    more = f" and {len(names) - 5:,} more" if len(names) > 5 else ""
    return f"the class{'es' if len(names) > 1 else ''} {shown}{more}"


def _divide(card: Card, tree: Tree, classes: Found) -> dict[str, Found]:
    """A seeded test split, the same share of every class."""
    divided: dict[str, Found] = {"train": {}, "test": {}}
    for name, paths in classes.items():
        chosen = held_out(card, [_printable(path, tree) for path in paths])
        divided["train"][name] = [path for path in paths if path not in chosen]
        if chosen:
            divided["test"][name] = [path for path in paths if path in chosen]
    return divided


def class_folders(tree: Tree, folder: str) -> list[str]:
    """Folders directly in `folder` that may be classes: not hidden ones, nor those that systems leave behind."""
    return [name for name in tree.list(folder).folders if not name.startswith(".") and name.lower() not in _JUNK]


def _printable(name: str, tree: Tree) -> str:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        raise DataError(f"The name of {name!r} under {tree.where()} is not UTF-8.", fix="Rename it.") from None
    return name
