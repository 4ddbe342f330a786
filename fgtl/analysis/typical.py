"""Which image stands for a class, and that image."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from fgtl.analysis.similarity import Collection, Measured
from fgtl.errors import InputError
from fgtl.features.feature_set import Features, FeatureSet
from fgtl.features.stored_images import images_at_hand
from fgtl.reports.similarity_rows import Flows

# ("source" or "target", name of a domain, place of a class in it).
Key = tuple[str, str, int]


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


def typical_pictures(flows: Iterable[Flows], measured: Measured, collections: Sequence[Collection]) -> dict[Key, bytes]:
    """The stored image nearest to the mean of its class, of each class in some flows.

    Nothing for a class whose collection names no feature set, or one whose record set is not where it lies or has been
    converted anew.

    Args:
        flows: what will be drawn.
        measured: what they are flows of.
        collections: its sources, then its targets.

    Cost: one read an image, and the index of each record set.
    """
    sides = [("source", one) for one in measured.sources] + [("target", one) for one in measured.targets]
    known = {(side, one.name): (whole, one) for whole, (side, one) in zip(collections, sides, strict=True)}
    sets: dict[Path, FeatureSet] = {}
    wanted: dict[Path, dict[Key, str]] = {}
    for side, name, place in sorted(set(_places(flows))):
        collection, domain = known[side, name]
        if collection.sets:
            part, label = int(domain.parts[place]), int(domain.labels[place])
            rows, folder = collection.parts[part], collection.sets[part].folder
            sets[folder] = collection.sets[part]
            wanted.setdefault(folder, {})[side, name, place] = str(rows.ids[typical_row(rows, label)])
    found: dict[Key, bytes] = {}
    for folder, ids in wanted.items():
        images = images_at_hand(sets[folder], ids.values())
        found |= {key: images[id] for key, id in ids.items() if id in images}
    return found


def _places(flows: Iterable[Flows]) -> Iterator[Key]:
    for one in flows:
        for flow in (*one.largest, *(flow for _, flow in (*one.nearest, *one.farthest))):
            yield "source", one.source, flow.source_place
            yield "target", one.target, flow.target_place
