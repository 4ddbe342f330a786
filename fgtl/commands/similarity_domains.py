"""What `fgtl similarity` is given, opened: words -> feature sets -> collections."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fgtl.analysis.similarity import Collection
from fgtl.commands.answers import dataset_of
from fgtl.errors import UsageError
from fgtl.features.feature_set import FeatureSet
from fgtl.features.find import find_feature_sets


@dataclass(frozen=True)
class Named:
    """A word of --sources or --targets: the feature sets that it joins, and what they are called."""

    name: str
    sets: tuple[FeatureSet, ...]

    @property
    def folders(self) -> list[Path]:
        """Of the sets."""
        return [one.folder.resolve() for one in self.sets]


def named_domains(
    sources: Sequence[str], targets: Sequence[str], split: str
) -> tuple[list[Collection], list[Collection]]:
    """Find and open what the words name.

    Returns:
        Sources and targets. A folder that was named twice is read once: the same rows, which are then resampled alike.

    Raises:
        UsageError: no word, two of one name, no such folder, or a split that one of them has not.
        DataError: a set is not finished or damaged.
    """
    froms, tos = _side(sources, "sources"), _side(targets, "targets")
    tos = _told_apart(froms, tos)
    found = {one.folder: one for domain in (*froms, *tos) for one in domain.sets}
    rows = {folder: one.part(split) for folder, one in found.items()}
    collected = [
        Collection(one.name, tuple(rows[part.folder] for part in one.sets), one.sets) for one in (*froms, *tos)
    ]
    return collected[: len(froms)], collected[len(froms) :]


def _side(words: Sequence[str], flag_name: str) -> tuple[Named, ...]:
    if not words:
        raise UsageError(f"--{flag_name} is missing.", expected="one feature set or more, with commas between.")
    found = []
    for word in words:
        # A folder's own name may have a plus.
        sets = tuple(find_feature_sets([word] if Path(word).expanduser().exists() else word.split("+")))
        found.append(Named("+".join(dataset_of(one) for one in sets), sets))
    names = [one.name for one in found]
    if twice := [name for name in names if names.count(name) > 1]:
        raise UsageError(f"--{flag_name} names {twice[0]} twice.", expected="data sets of different names.")
    return tuple(found)


def _told_apart(sources: Sequence[Named], targets: Sequence[Named]) -> tuple[Named, ...]:
    """The targets; one that has a source's name and not its folders is called so that nobody takes the two for one."""
    known = {one.name: one.folders for one in sources}
    return tuple(
        replace(one, name=f"{one.name} (target)") if known.get(one.name, one.folders) != one.folders else one
        for one in targets
    )
