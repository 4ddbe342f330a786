"""Lists that go with ImageNet's ILSVRC 2012: of which synset validation images are, and what synsets are called."""

import re

from fgtl.converters.mat_files import read_mat, text_of, whole_numbers_of
from fgtl.converters.tables import Line, enter, integer, read_lines
from fgtl.downloads import Tree
from fgtl.errors import DataError

_SYNSET_LABELS = "imagenet_2012_validation_synset_labels.txt"
_DEVKIT = "ILSVRC2012_devkit_t12/data"
_GROUND_TRUTH, _META = f"{_DEVKIT}/ILSVRC2012_validation_ground_truth.txt", f"{_DEVKIT}/meta.mat"
_SOLUTION = "LOC_val_solution.csv"
_WORDS = ("LOC_synset_mapping.txt", "synset_words.txt", "imagenet_metadata.txt")


def read_validation_labels(tree: Tree) -> dict[int, str]:
    """Number of each validation image -> its wnid, from the first of the lists that is there.

    Raises:
        DataError: there is none, or a line of it cannot be read.
    """
    if tree.is_file(_SYNSET_LABELS):
        return {place: _wnid(line, line.text) for place, line in enumerate(read_lines(tree, _SYNSET_LABELS), start=1)}
    if tree.is_file(_GROUND_TRUTH):
        return _read_ground_truth(tree)
    if tree.is_file(_SOLUTION):
        return _read_solution(tree)
    raise DataError(
        f"{tree.where()} has no list that says what the validation images show.",
        expected=f"one of {_SYNSET_LABELS}, {_GROUND_TRUTH} with meta.mat, {_SOLUTION}.",
        fix="Put one there, or sort the images into folders of their synsets, val/n01440764 and so on.",
    )


def read_words(tree: Tree) -> dict[str, str]:
    """Wnid -> names, from the first of the lists that is there; empty without one."""
    for file in _WORDS:
        if tree.is_file(file):
            lines: dict[str, Line] = {}
            for line in read_lines(tree, file):
                enter(lines, _wnid(line, line.text[:9]), line, "the synset")
            return {wnid: line.text[9:].strip() or wnid for wnid, line in lines.items()}
    return dict(_read_synsets(tree).values()) if tree.is_file(_META) else {}


def _read_ground_truth(tree: Tree) -> dict[int, str]:
    """The devkit numbers synsets in an order of its own: meta.mat says which wnid an ILSVRC2012_ID is."""
    if not tree.is_file(_META):
        raise DataError(f"{tree.where(_META)} does not exist.", expected="it beside the list of the validation images.")
    synsets = _read_synsets(tree)
    labels = {}
    for place, line in enumerate(read_lines(tree, _GROUND_TRUTH), start=1):
        number = integer(line, line.text, "ILSVRC2012_ID")
        if number not in synsets:
            raise line.error(f"ILSVRC2012_ID {number} is not in meta.mat")
        labels[place] = synsets[number][0]
    return labels


def _read_synsets(tree: Tree) -> dict[int, tuple[str, str]]:
    """ILSVRC2012_ID -> (wnid, names); ids above the leaves' are of synsets that have no images of their own."""
    synsets: dict[int, tuple[str, str]] = {}
    for entry, row in read_mat(tree, _META).rows("synsets", ("ILSVRC2012_ID", "WNID", "words")):
        (number,) = whole_numbers_of(entry, row, ["ILSVRC2012_ID"])
        if number in synsets:
            raise entry.error(f"ILSVRC2012_ID {number} is there twice")
        synsets[number] = _wnid(entry, text_of(entry, "WNID", row["WNID"])), text_of(entry, "words", row["words"])
    return synsets


def _read_solution(tree: Tree) -> dict[int, str]:
    """Kaggle's list: after the wnid stand the boxes, in no special order of lines."""
    lines: dict[int, Line] = {}
    labels = {}
    for line in read_lines(tree, _SOLUTION):
        image, comma, solution = line.text.partition(",")
        if line.number == 1 and image == "ImageId":
            continue
        match = re.fullmatch(r"ILSVRC2012_val_(\d{8})", image, re.ASCII)
        if not match or not comma:
            raise line.error(f"{line.text:.100} cannot be read", expected="ILSVRC2012_val_00000001,<wnid> <box>.")
        enter(lines, int(match[1]), line, "validation image")
        labels[int(match[1])] = _wnid(line, solution[:9])
    return labels


def _wnid(line: Line, text: str) -> str:
    if not re.fullmatch(r"n\d{8}", text, re.ASCII):
        raise line.error(f"{text!r} is no WordNet id", expected='"n" and eight digits.')
    return text
