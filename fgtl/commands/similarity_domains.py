"""What `fgtl similarity` is given, opened: words -> feature sets -> collections, and pictures of their classes."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fgtl.analysis.similarity import Collection, Measured
from fgtl.analysis.typical import typical_row
from fgtl.commands.answers import dataset_of
from fgtl.errors import DataError, UsageError
from fgtl.features.feature_set import Features, FeatureSet
from fgtl.features.find import find_feature_sets
from fgtl.features.stored_images import records_of, stored_images
from fgtl.reports.similarity_flows import Pictures, shown_flows
from fgtl.reports.similarity_rows import SimilarityTable


@dataclass(frozen=True)
class Named:
    """A word of --sources or --targets: the feature sets that it joins, and what they are called."""

    name: str
    sets: tuple[FeatureSet, ...]


@dataclass(frozen=True)
class Domains:
    """All that were named, and the rows of each set; a folder that was named twice is read once."""

    sources: tuple[Named, ...]
    targets: tuple[Named, ...]
    features: dict[Path, Features]

    @property
    def sets(self) -> list[FeatureSet]:
        """Of all sources, then of all targets."""
        return [one for domain in (*self.sources, *self.targets) for one in domain.sets]

    @property
    def collections(self) -> tuple[list[Collection], list[Collection]]:
        """Sources and targets; the same folder is the same rows, which are then resampled alike."""
        return self._collected(self.sources), self._collected(self.targets)

    def _collected(self, side: Sequence[Named]) -> list[Collection]:
        return [Collection(one.name, tuple(self.features[part.folder] for part in one.sets)) for one in side]


def named_domains(sources: Sequence[str], targets: Sequence[str], split: str) -> Domains:
    """Find and open what the words name.

    Raises:
        UsageError: no word, two of one name, no such folder, or a split that one of them has not.
        DataError: a set is not finished or damaged.
    """
    sides = _side(sources, "sources"), _side(targets, "targets")
    found = {one.folder: one for side in sides for domain in side for one in domain.sets}
    return Domains(*sides, {folder: one.part(split) for folder, one in found.items()})


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


def typical_pictures(domains: Domains, measured: Measured, table: SimilarityTable) -> Pictures:
    """(domain, place of a class) -> the stored image nearest to the mean of its class, of the classes that are shown.

    Nothing for a class whose record set is not where its features lie, or has been converted anew.
    """
    pairs = zip((*domains.sources, *domains.targets), (*measured.sources, *measured.targets), strict=True)
    known = {named.name: (named, domain) for named, domain in pairs}
    wanted: dict[Path, dict[tuple[str, int], str]] = {}
    for name, place in sorted(set(_shown(table))):
        named, domain = known[name]
        folder = named.sets[int(domain.parts[place])].folder
        rows = domains.features[folder]
        row = typical_row(rows, int(domain.labels[place]))
        wanted.setdefault(folder, {})[name, place] = str(rows.ids[row])
    found: dict[tuple[str, int], bytes] = {}
    for one in {one.folder: one for one in domains.sets if one.folder in wanted}.values():
        images = _images(one, wanted[one.folder].values())
        found |= {key: images[id] for key, id in wanted[one.folder].items() if id in images}
    return found


def _shown(table: SimilarityTable) -> Iterator[tuple[str, int]]:
    for flows in shown_flows(table):
        for flow in (*flows.largest, *(flow for _, flow in (*flows.nearest, *flows.farthest))):
            yield flows.source, flow.source_place
            yield flows.target, flow.target_place


def _images(one: FeatureSet, ids: Iterable[str]) -> dict[str, bytes]:
    try:
        return stored_images(records_of(one), ids)
    except (UsageError, DataError):
        # Features that were made elsewhere have no images: the page is made without.
        return {}
