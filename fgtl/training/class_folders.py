"""Photographs in folders that are called after the classes of a run: what they show is known."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fgtl.data.numbered_names import without_number
from fgtl.errors import did_you_mean

# Folders that are listed before they are only counted.
_NAMED = 5


@dataclass(frozen=True)
class ClassFolders:
    """What folders say of the photographs in them.

    Attributes:
        labels: of the photographs in a sub-folder that is called as a class, at any depth in it.
        strangers: sub-folders beside such ones that are called as no class, and how many photographs each has; "" are
            those beside the sub-folders.
        class_names: of the run.
        unknown: all sub-folders, where every photograph lies in one but none of them is called as a class; else empty.
    """

    labels: dict[Path, int]
    strangers: dict[str, int]
    class_names: Sequence[str]
    unknown: tuple[str, ...] = ()

    def unmatched(self) -> str:
        """That the sub-folders look like classes, but none is one of the run's, in one line; "" where that is not so."""
        if not self.unknown:
            return ""
        near = {name: did_you_mean(name, self.class_names) for name in self.unknown[:_NAMED]}
        name = next((name for name in near if near[name]), self.unknown[0])
        hint = near[name] or f"Its classes have names such as {self.class_names[0]!r}."
        return f"No sub-folder is called as a class, so no accuracy: {name!r} is no class of the run. {hint}"

    def left_out(self) -> str:
        """Which photographs have no label though others do, a line a folder; "" where there are none."""
        if not self.strangers:
            return ""
        lines = [f"{sum(self.strangers.values()):,} images count in no figure:"]
        named = [name for name in self.strangers if name]
        for name in named[:_NAMED]:
            near = did_you_mean(name, self.class_names)
            lines.append(f"{self.strangers[name]:,} in {name!r}, which is no class of the run. {near}".rstrip())
        if rest := named[_NAMED:]:
            count = sum(self.strangers[name] for name in rest)
            lines.append(f"{count:,} in {len(rest):,} more folders that are called as no class.")
        if "" in self.strangers:
            lines.append(f"{self.strangers['']:,} in no sub-folder.")
        return "\n  ".join(lines)


def read_class_folders(names: Iterable[str], paths: Iterable[Path], class_names: Sequence[str]) -> ClassFolders:
    """Labels from the sub-folders of folders that were named.

    A folder says what is in it where one of its sub-folders, with a photograph in it, is called exactly as a class;
    accents may be written either way, and the number of "001.Black_footed_Albatross" may be left out, in the folder or
    in the class. A name that several classes have says nothing. Files that were named by themselves have no label.

    Args:
        names: files and folders, as `fgtl.training.inference.find_images` takes them.
        paths: what it found there.
        class_names: of the run, by label.
    """
    given = {folder for folder in (Path(name).expanduser() for name in names) if folder.is_dir()}
    places = {path: _places(path, given) for path in paths}
    inside = {name for found in places.values() for name in found.values() if name}
    known = _labels_of(inside, class_names)
    speaking = {folder for found in places.values() for folder, name in found.items() if name in known}
    labels: dict[Path, int] = {}
    strangers: Counter[str] = Counter()
    for path, found in places.items():
        said = [name for folder, name in found.items() if folder in speaking]
        called = [known[name] for name in said if name in known]
        if called:
            labels[path] = called[0]
        elif said:
            strangers[said[0]] += 1
    sorted_in = bool(places) and all(any(found.values()) for found in places.values())
    unknown = tuple(sorted(inside)) if sorted_in and not known else ()
    return ClassFolders(labels, dict(sorted(strangers.items())), class_names, unknown)


def _labels_of(folders: Iterable[str], class_names: Sequence[str]) -> dict[str, int]:
    """The label of each folder that is called as one class."""
    names = [_plain(name) for name in class_names]
    whole = _label_of_each(names)
    # Called as a class but for the number that one of both has; where both have one they are two classes.
    bare = _label_of_each([without_number(name) for name in names])
    unnumbered = {name: label for name, label in bare.items() if label is not None and names[label] == name}
    found: dict[str, int | None] = {}
    for folder in folders:
        name = _plain(folder)
        less = without_number(name)
        found[folder] = whole[name] if name in whole else bare.get(name) if less == name else unnumbered.get(less)
    return {folder: label for folder, label in found.items() if label is not None}


def _label_of_each(names: Sequence[str]) -> dict[str, int | None]:
    """Name -> its label; None of a name that several classes have."""
    often = Counter(names)
    return {name: label if often[name] == 1 else None for label, name in enumerate(names)}


def _places(path: Path, given: set[Path]) -> dict[Path, str]:
    """Each given folder that a file lies in -> in which of its sub-folders; "" in none."""
    found = {folder: path.relative_to(folder).parts for folder in path.parents if folder in given}
    return {folder: parts[0] if len(parts) > 1 else "" for folder, parts in found.items()}


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", name)
