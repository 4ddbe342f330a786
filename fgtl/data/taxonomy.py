"""Where the classes of a record set stand in a taxonomy, read from their records."""

import numpy as np

from fgtl.data.bad_records import BadRecord
from fgtl.data.example import HIERARCHY
from fgtl.data.records import RecordSet, Selection


def class_paths(records: RecordSet) -> tuple[tuple[str, ...], ...] | None:
    """The path of names from the root to each class, by label; None where a class has none.

    All images of a class are taken to stand in the same place; one of them is read. One that cannot be read is passed
    over.

    Cost: one record for each class, or a single one where the set has no taxonomy.
    """
    paths: dict[int, tuple[str, ...]] = {}
    for split, count in records.counts.items():
        if not count:
            continue
        selection = records.select(split)
        for label in np.unique(selection.labels).tolist():
            if label in paths:
                continue
            path = _path_of(selection, label)
            if path == ():
                return None
            if path:
                paths[label] = path
    if len(paths) < len(records.class_names):
        return None
    return tuple(paths[label] for label in range(len(paths)))


def _path_of(selection: Selection, label: int) -> tuple[str, ...] | None:
    """From the first image of a class that can be read; None when none can."""
    for row in np.flatnonzero(selection.labels == label).tolist():
        try:
            names = selection.example(row).get(HIERARCHY, ())
        except BadRecord:
            continue
        return tuple(bytes(name).decode("utf-8", "replace") for name in names)
    return None
