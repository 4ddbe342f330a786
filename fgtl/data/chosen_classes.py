"""The classes that somebody names: with commas between, or in a text file."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fgtl.converters.tables import read_lines
from fgtl.datasets import Card
from fgtl.downloads import FolderTree
from fgtl.errors import DataError, FgtlError, UsageError, did_you_mean


@dataclass(frozen=True)
class _Entry:
    """One class as the user wrote it, and where."""

    text: str
    where: str
    error: type[FgtlError]


def chosen_labels(card: Card, names: Mapping[int, str], text: str) -> list[int]:
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


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 9
