"""Which image stands for a class, and that image."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from fgtl.analysis.similarity import Collection, Measured
from fgtl.errors import InputError
from fgtl.features.feature_set import Features, FeatureSet
from fgtl.features.stored_images import images_at_hand
from fgtl.reports.similarity_rows import Flows


def typical_row(features: Features, label: int) -> int:
    """The row of the image nearest to the mean of its class, the first of several.

    Raises:
        InputError: the class has no image.
    """
    rows = np.flatnonzero(features.labels == label)
    if not len(rows):
        raise InputError(f"The class {label} has no image.", expected="a class that has one.")
    own = np.asarray(features.features[rows], np.float64)
    off = own - own.mean(axis=0)
    return int(rows[np.einsum("nd,nd->n", off, off).argmin()])


def typical_pictures(
    flows: Iterable[Flows], measured: Measured, collections: Sequence[Collection]
) -> dict[tuple[str, int], bytes]:
    """(domain, place of a class) -> the stored image nearest to the mean of its class, of the classes in some flows.

    Nothing for a class whose collection names no feature set, or one whose record set is not where it lies or has been
    converted anew.

    Args:
        flows: what will be drawn.
        measured: what they are flows of.
        collections: its sources, then its targets.

    Cost: one read an image, and the index of each record set.
    """
    domains = (*measured.sources, *measured.targets)
    known = {domain.name: (collection, domain) for collection, domain in zip(collections, domains, strict=True)}
    sets: dict[Path, FeatureSet] = {}
    wanted: dict[Path, dict[tuple[str, int], str]] = {}
    for name, place in sorted(set(_places(flows))):
        collection, domain = known[name]
        if collection.sets:
            part, label = int(domain.parts[place]), int(domain.labels[place])
            rows, folder = collection.parts[part], collection.sets[part].folder
            sets[folder] = collection.sets[part]
            wanted.setdefault(folder, {})[name, place] = str(rows.ids[typical_row(rows, label)])
    found: dict[tuple[str, int], bytes] = {}
    for folder, ids in wanted.items():
        images = images_at_hand(sets[folder], ids.values())
        found |= {key: images[id] for key, id in ids.items() if id in images}
    return found


def _places(flows: Iterable[Flows]) -> Iterator[tuple[str, int]]:
    for one in flows:
        for flow in (*one.largest, *(flow for _, flow in (*one.nearest, *one.farthest))):
            yield one.source, flow.source_place
            yield one.target, flow.target_place
