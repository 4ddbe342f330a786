"""Photographs in folders that are called after the classes of a run: what they show is known."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

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
    """

    labels: dict[Path, int]
    strangers: dict[str, int]
    class_names: Sequence[str]

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
    accents may be written either way. A name that several classes have says nothing. Files that were named by
    themselves have no label.

    Args:
        names: files and folders, as `fgtl.training.inference.find_images` takes them.
        paths: what it found there.
        class_names: of the run, by label.
    """
    plain = [_plain(name) for name in class_names]
    often = Counter(plain)
    label_of = {name: label for label, name in enumerate(plain) if often[name] == 1}
    given = {folder for folder in (Path(name).expanduser() for name in names) if folder.is_dir()}
    places = {path: _places(path, given) for path in paths}
    speaking = {folder for found in places.values() for folder, inside in found.items() if _plain(inside) in label_of}
    labels: dict[Path, int] = {}
    strangers: Counter[str] = Counter()
    for path, found in places.items():
        said = [inside for folder, inside in found.items() if folder in speaking]
        known = [label_of[name] for name in map(_plain, said) if name in label_of]
        if known:
            labels[path] = known[0]
        elif said:
            strangers[said[0]] += 1
    return ClassFolders(labels, dict(sorted(strangers.items())), class_names)


def _places(path: Path, given: set[Path]) -> dict[Path, str]:
    """Each given folder that a file lies in -> in which of its sub-folders; "" in none."""
    found = {folder: path.relative_to(folder).parts for folder in path.parents if folder in given}
    return {folder: parts[0] if len(parts) > 1 else "" for folder, parts in found.items()}


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", name)
