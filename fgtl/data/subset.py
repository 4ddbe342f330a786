"""A part of a data set: chosen classes, so many training images a class, or a test list that the user supplies."""

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np

from fgtl.console import warn
from fgtl.converters.tables import Line, below_root, enter, read_lines
from fgtl.data.splits import hash_order
from fgtl.datasets import Card, Sample
from fgtl.downloads import FolderTree
from fgtl.errors import DataError, FgtlError, UsageError, did_you_mean
from fgtl.knobs import Knobs, flag


@dataclass(frozen=True)
class SubsetKnobs(Knobs):
    """Which part of the data set."""

    classes: str = flag("", "only these: names or labels with commas between, or a text file with one a line (@FILE)")
    max_per_class: int = flag(0, "training images of a class to keep, by hash of (seed, id); 0 = all", low=0)
    test_list: Path | None = flag(None, "text file of image paths: these become the test split, all others training")


@dataclass(frozen=True)
class Subset:
    """What is left of a data set.

    Attributes:
        card: without the official counts where they no longer hold.
        samples: in the reader's order; labels 0 ... K-1 when classes were chosen.
        settings: what was asked for, None where nothing was; lists by the sha256 of what they say (one entry a line), not by
            their files' names.
    """

    card: Card
    samples: Sequence[Sample]
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class _Entry:
    """One class as the user wrote it, and where."""

    text: str
    where: str
    error: type[FgtlError]


def subset(card: Card, samples: Sequence[Sample], knobs: SubsetKnobs, seed: int) -> Subset:
    """Apply the test list, then choose the classes, then thin out the training images.

    A function of the samples as a set, the lists' content and the seed. Chosen classes keep their names and official
    order, and are numbered anew without gaps. The training images kept with a smaller `max_per_class` are among those
    kept with a larger one; evaluation splits stay whole.

    Cost: a pass over the samples for each thing asked for; only samples whose label or split changes are copied
    (some 5 us each). Memory: some 40 bytes a sample besides the samples.

    Raises:
        UsageError: a class that does not exist on the command line, or a test list beside an official test split.
        DataError: with file and line: a list names something twice, or something that is not there. No training
            image is left.
    """
    settings: dict[str, Any] = {"classes": None, "max_per_class": knobs.max_per_class or None, "test_list": None}
    if knobs.test_list is not None:
        listed = _listed_images(knobs.test_list)
        samples = _with_test_split(card, samples, listed)
        settings["test_list"] = {"images": len(listed), "sha256": _digest(listed)}
    if knobs.classes:
        names = {sample.label: sample.class_name for sample in samples}
        labels = _chosen_labels(card, names, knobs.classes)
        samples = _of_classes(samples, labels)
        settings["classes"] = {"chosen": len(labels), "sha256": _digest(names[label] for label in labels)}
        card = replace(card, classes=len(labels))
    if knobs.max_per_class:
        samples = _thinned(samples, knobs.max_per_class, seed)
    if any(settings.values()):
        card = replace(card, images={})
        _check_trained(card, samples)
    return Subset(card, samples, settings)


def _listed_images(path: Path) -> dict[str, Line]:
    """Image path -> its line of the test list."""
    listed: dict[str, Line] = {}
    for line in read_lines(FolderTree(path.parent), path.name):
        enter(listed, below_root(line, line.text), line, "the image")
    if not listed:
        raise DataError(f"{path} lists no image.", expected="one path a line.")
    return listed


def _with_test_split(card: Card, samples: Sequence[Sample], listed: Mapping[str, Line]) -> list[Sample]:
    """The listed images as the test split, all others as the training split."""
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


def _chosen_labels(card: Card, names: Mapping[int, str], text: str) -> list[int]:
    """Labels of the classes that were asked for, sorted.

    A number is a label, unless the data set calls its classes by numbers: then it is a name.
    """
    labels_of: dict[str, list[int]] = {}
    for label, name in names.items():
        labels_of.setdefault(name, []).append(label)
    numbered = any(_is_number(name) for name in labels_of)
    chosen: dict[int, _Entry] = {}
    for entry in _entries(text, labels_of):
        labels = labels_of.get(entry.text, [])
        if not labels and not numbered and _is_number(entry.text) and int(entry.text) in names:
            labels = [int(entry.text)]
        if len(labels) != 1:
            raise _no_such_class(card, entry, labels, labels_of, numbered)
        earlier = chosen.setdefault(labels[0], entry)
        if earlier is not entry:
            raise entry.error(f"{entry.where}: the class {names[labels[0]]!r} is named already ({earlier.where}).")
    if not chosen:
        raise UsageError(f"--classes={text} names no class.")
    return sorted(chosen)


def _no_such_class(
    card: Card, entry: _Entry, labels: Sequence[int], labels_of: Mapping[str, Sequence[int]], numbered: bool
) -> FgtlError:
    called = card.title or card.name
    if labels:
        which = ", ".join(map(str, sorted(labels)))
        return entry.error(
            f"{entry.where}: {len(labels)} classes are called {entry.text!r}.", expected=f"one of {which}."
        )
    either = "a name" if numbered else "a name or a label"
    return entry.error(
        f"{entry.where}: {called} has no class {entry.text!r}.",
        expected=f"{either} of one of its {sum(map(len, labels_of.values())):,} classes, or a text file of them.",
        fix=did_you_mean(entry.text, labels_of)
        or ("A name that holds a comma goes into a file." if any("," in name for name in labels_of) else ""),
    )


def _entries(text: str, names: Mapping[str, Any]) -> Iterator[_Entry]:
    """What --classes names: @FILE, a file's path that is no class's name, or texts with commas between."""
    path = Path(os.path.expanduser(text.removeprefix("@")))  # noqa: PTH111 (an unknown ~name stays)
    # os.path: a long list of names is no file's name, and Path.is_file would raise.
    if text.startswith("@") or (text not in names and os.path.isfile(path)):  # noqa: PTH113
        for line in read_lines(FolderTree(path.parent), path.name):
            yield _Entry(line.text, line.where, DataError)
        return
    for part in [text] if text in names else text.split(","):
        if part.strip():
            yield _Entry(part.strip(), "--classes", UsageError)


def _digest(entries: Iterable[str]) -> str:
    """Hex digest of a file with these lines: of a plain list, what `sha256sum` prints."""
    text = "".join(f"{entry}\n" for entry in entries)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 9


def _of_classes(samples: Sequence[Sample], labels: Sequence[int]) -> list[Sample]:
    new = {old: label for label, old in enumerate(labels)}
    return [
        sample if sample.label == new[sample.label] else replace(sample, label=new[sample.label])
        for sample in samples
        if sample.label in new
    ]


def _thinned(samples: Sequence[Sample], most: int, seed: int) -> list[Sample]:
    """At most `most` training images of each class, those that come first by hash."""
    labels = np.fromiter(
        (sample.label if sample.split == "train" else -1 for sample in samples), np.int64, len(samples)
    )
    by_label = np.argsort(labels, kind="stable")
    starts = np.flatnonzero(np.diff(labels[by_label], prepend=-1))
    keep = np.ones(len(samples), bool)
    for rows in np.split(by_label, starts)[1:]:
        if len(rows) > most:
            order = hash_order(seed, "max_per_class", [samples[row].id for row in rows.tolist()])
            keep[rows[order[most:]]] = False
    return list(compress(samples, keep.tolist()))


def _check_trained(card: Card, samples: Sequence[Sample]) -> None:
    """DataError without any training image; only a warning for a class without: retrieval tests on unseen classes."""
    trained = Counter({sample.label: 0 for sample in samples})
    trained.update(sample.label for sample in samples if sample.split == "train")
    lacking = sorted(label for label, images in trained.items() if not images)
    if len(lacking) == len(trained):
        raise DataError(
            f"No training image of {card.title or card.name} is left.",
            expected="some in the classes that are chosen, and not on the test list.",
        )
    if lacking:
        warn(f"{card.title or card.name}: {len(lacking):,} of {len(trained):,} classes have no training image now.")
