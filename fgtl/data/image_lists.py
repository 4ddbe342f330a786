"""Lists of images that somebody supplies: those of a test split, and those to leave out."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from fgtl.converters.tables import Line, below_root, enter, read_lines
from fgtl.datasets import Card, Sample
from fgtl.downloads import FolderTree
from fgtl.errors import DataError, UsageError, did_you_mean


def listed_images(path: Path) -> dict[str, Line]:
    """Image path -> its line of the test list.

    Raises:
        DataError: with file and line: a path that is there twice or leads out of the folder; an empty list.
    """
    listed: dict[str, Line] = {}
    for line in read_lines(FolderTree(path.parent), path.name):
        enter(listed, below_root(line, line.text), line, "the image")
    if not listed:
        raise DataError(f"{path} lists no image.", expected="one path a line.")
    return listed


def with_test_split(card: Card, samples: Sequence[Sample], listed: Mapping[str, Line]) -> list[Sample]:
    """The listed images as the test split, all others as the training split.

    Raises:
        UsageError: there is an official test split.
        DataError: with file and line: an image that no sample is.
    """
    official = sum(sample.split == "test" for sample in samples)
    if official:
        raise UsageError(
            f"--test_list: {card.title or card.name} has a test split of its own, of {official:,} images.",
            expected="a data set without one, such as iNaturalist.",
            fix="Training on official test images would spoil every comparison.",
        )
    splits = ["test" if sample.path in listed else "train" for sample in samples]
    if len({sample.path for sample in samples if sample.path in listed}) < len(listed):
        raise _unknown_image(card, samples, listed)
    return [
        sample if sample.split == split else replace(sample, split=split)
        for sample, split in zip(samples, splits, strict=True)
    ]


def _unknown_image(card: Card, samples: Sequence[Sample], listed: Mapping[str, Line]) -> DataError:
    known = {sample.path for sample in samples}
    absent = [path for path in listed if path not in known]
    # Compared by the file's own name: that is what survives when a list was written for another folder.
    file = absent[0].rpartition("/")[2]
    close = next((sample.path for sample in samples if sample.path.rpartition("/")[2] == file), None)
    return listed[absent[0]].error(
        f"{absent[0]!r} is not an image of {card.title or card.name}",
        expected=f"{len(listed):,} paths as the data set has them; {len(listed) - len(absent):,} are.",
        fix=f"Did you mean {close!r}?" if close else f"It has {samples[0].path!r}, for one." if samples else "",
    )


def listed_ids(path: Path) -> dict[str, Line]:
    """Id of an image -> its line of a list such as `fgtl audit` writes; it may be empty.

    Raises:
        DataError: with file and line: an id that is there twice.
    """
    listed: dict[str, Line] = {}
    for line in read_lines(FolderTree(path.parent), path.name):
        enter(listed, line.text, line, "the id")
    return listed


def without(card: Card, samples: Sequence[Sample], listed: Mapping[str, Line]) -> list[Sample]:
    """The samples whose ids are not listed.

    Raises:
        DataError: with file and line: an id that no sample has.
    """
    known = {sample.id for sample in samples}
    absent = [id for id in listed if id not in known]
    if absent:
        raise listed[absent[0]].error(
            f"{absent[0]!r} is not the id of an image of {card.title or card.name}",
            expected=f"{len(listed):,} ids, one a line; {len(listed) - len(absent):,} are of this data set.",
            fix=did_you_mean(absent[0], known) or (f"Its first image is {samples[0].id!r}." if samples else ""),
        )
    return [sample for sample in samples if sample.id not in listed]
