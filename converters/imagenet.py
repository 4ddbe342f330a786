"""The layout of ImageNet's ILSVRC 2012: a folder per synset; the validation images lie flat, with a list, or sorted too.

train/<wnid>/<wnid>_<n>.JPEG                       a WordNet id is "n" and eight digits
val/<wnid>/ILSVRC2012_val_<8 digits>.JPEG          sorted; or, as in the archive, flat:
val/ILSVRC2012_val_<8 digits>.JPEG                 numbered from 1, and one of these lists:
  imagenet_2012_validation_synset_labels.txt         <wnid>, line n for image n
  ILSVRC2012_devkit_t12/data/ILSVRC2012_validation_ground_truth.txt and meta.mat beside it
  LOC_val_solution.csv                               <image>,<wnid> <box> ...
names of the classes, the first of these that is there; without one a class is called as its wnid:
  LOC_synset_mapping.txt, synset_words.txt or imagenet_metadata.txt    <wnid> <names>
  ILSVRC2012_devkit_t12/data/meta.mat

train/ and val/ may lie in ILSVRC/Data/CLS-LOC/, as in Kaggle's download. A PNG and some CMYK images are among the JPEGs.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping

from fgtl.converters import READERS
from fgtl.converters.checks import check_counts, check_options
from fgtl.converters.imagenet_lists import read_validation_labels, read_words
from fgtl.datasets import Card, Sample
from fgtl.downloads import Tree
from fgtl.downloads.names import ends_like_an_image
from fgtl.downloads.tree import join
from fgtl.errors import DataError

_TOPS = ("", "ILSVRC/Data/CLS-LOC")
_TRAIN, _VAL = "train", "val"

Found = list[tuple[str, str]]  # (wnid, name below the tree's top) of each image, in order


@READERS.register("imagenet")
def read_imagenet(card: Card, tree: Tree) -> Iterator[Sample]:
    """Samples sorted by split and path; classes are numbered in the order of their wnids, from 0 and without background.

    The id is the file's name without its ending. A class is called all its names, with its wnid where two classes
    share them.

    Raises:
        DataError: something is missing, inconsistent, or not what the card says.
    """
    check_options(card, ())
    top = next((top for top in _TOPS if tree.is_folder(join(top, _TRAIN))), "")
    found = {"train": _sorted_images(card, tree, join(top, _TRAIN))}
    if not found["train"]:
        raise DataError(
            f"{tree.where(join(top, _TRAIN))} holds no images.",
            expected="a folder for each synset there, train/n01440764 and so on.",
            fix=card.where_from(),
        )
    wnids = sorted({wnid for wnid, _ in found["train"]})
    found["validation"] = _validation_images(card, tree, join(top, _VAL), set(wnids))
    labels = {wnid: label for label, wnid in enumerate(wnids)}
    names = _class_names(tree, wnids)
    samples = [
        Sample(_stem(path), path, labels[wnid], names[wnid], split)
        for split, images in found.items()
        for wnid, path in images
    ]
    check_counts(card, samples, len(wnids), tree.where())
    yield from samples


def _sorted_images(card: Card, tree: Tree, folder: str) -> Found:
    """Images that lie in the folder of their synset."""
    found = []
    start = len(folder) + 1
    for path in tree.walk(folder):
        wnid, slash, name = path[start:].partition("/")
        if not slash and name == "" and re.fullmatch(r"n\d{8}\.tar", wnid, re.ASCII):
            raise DataError(
                f"{tree.where(path)} is an archive inside {folder}.",
                expected=f"the folder {wnid.removesuffix('.tar')} with its images.",
                fix="Unpack each of them into a folder of its name, "
                f"or leave {', '.join(archive.name for archive in card.archives if archive.nested) or 'all'} packed.",
            )
        if not ends_like_an_image(path):
            continue
        if not slash or "/" in name or not re.fullmatch(r"n\d{8}", wnid, re.ASCII):
            raise DataError(f"{tree.where(path)} lies in no synset's folder.", expected=f"{folder}/<wnid>/<image>.")
        found.append((wnid, path))
    return found


def _validation_images(card: Card, tree: Tree, folder: str, wnids: set[str]) -> Found:
    listing = tree.list(folder)
    if any(not name.startswith(".") for name in listing.folders):
        found = _sorted_images(card, tree, folder)
    else:
        found = _flat_images(tree, folder, [name for name in listing.files if ends_like_an_image(name)])
    if not found and "validation" in card.images:
        raise DataError(f"{tree.where(folder)} holds no images.", fix=card.where_from())
    for wnid, path in found:
        if wnid not in wnids:
            raise DataError(f"{tree.where(path)} is of the synset {wnid}, of which train has no images.")
    return found


def _flat_images(tree: Tree, folder: str, names: list[str]) -> Found:
    """Images whose synset a list says."""
    if not names:
        return []
    labels = read_validation_labels(tree)
    found = []
    for name in names:
        match = re.fullmatch(r"ILSVRC2012_val_(\d{8})\.\w+", name, re.ASCII)
        if not match or int(match[1]) not in labels:
            raise DataError(
                f"{tree.where(join(folder, name))} is not among the {len(labels):,} images of the list.",
                expected="ILSVRC2012_val_00000001.JPEG and so on.",
            )
        found.append((labels[int(match[1])], join(folder, name)))
    if len(found) != len(labels):
        raise DataError(f"{tree.where(folder)} holds {len(found):,} images.", expected=f"{len(labels):,}, as listed.")
    return found


def _class_names(tree: Tree, wnids: list[str]) -> Mapping[str, str]:
    words = read_words(tree)
    missing = [wnid for wnid in wnids if wnid not in words]
    if words and missing:
        raise DataError(f"{tree.where()} has no name for the synset {missing[0]}, but for {len(words):,} others.")
    shared = Counter(words.get(wnid, wnid) for wnid in wnids)
    return {
        wnid: name if shared[name] == 1 else f"{name} ({wnid})"
        for wnid, name in ((wnid, words.get(wnid, wnid)) for wnid in wnids)
    }


def _stem(path: str) -> str:
    return path.rpartition("/")[2].rpartition(".")[0]
