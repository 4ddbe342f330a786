"""From the rows of a feature set back to the photographs that they were made of."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from fgtl.data.manifest import MANIFEST
from fgtl.data.records import RecordSet
from fgtl.errors import DataError, UsageError
from fgtl.features.feature_set import FeatureSet
from fgtl.features.find import STORE


def records_of(found: FeatureSet, given: Path | None = None) -> RecordSet:
    """The record set that a feature set was made of.

    Args:
        found: the feature set.
        given: where the record set is; default: the folder that the feature set lies in, `<records>/features/<key>`.

    Raises:
        UsageError: the features were made elsewhere, or there is no record set where one would be.
        DataError: it is another record set, or was converted anew since.
    """
    home = found.folder.resolve().parent
    if given is None and (home.name != STORE or not (home.parent / MANIFEST).is_file()):
        raise UsageError(
            f"Whose images {found.folder} describes is not known: it does not lie in a record set.",
            fix="Say it with --records FOLDER.",
        )
    records = RecordSet.open(given or home.parent)
    if found.meta.manifest_sha256 not in ("", records.manifest_sha256):
        raise DataError(
            f"{found.folder} was made of another record set than {records.folder}.",
            expected="the one whose manifest.json it names; a set that is converted anew is another one.",
            fix=f"fgtl extract --records {records.folder}",
        )
    return records


def images_at_hand(found: FeatureSet, ids: Iterable[str]) -> dict[str, bytes]:
    """The stored image file of each id of a feature set; none where its record set is not at hand, as `records_of` says."""
    try:
        return stored_images(records_of(found), ids)
    except (UsageError, DataError):
        return {}


def stored_images(records: RecordSet, ids: Iterable[str]) -> dict[str, bytes]:
    """The stored image file of each id; one that is not there or cannot be read is left out.

    Cost: the index of each split, and one read an id.
    """
    wanted, images = np.unique(np.array(list(ids), str)), {}
    for split, count in records.counts.items():
        selection = records.select(split) if count and len(wanted) else None
        if selection is None:
            continue
        for position in np.flatnonzero(np.isin(selection.ids, wanted)).tolist():
            try:
                images[str(selection.ids[position])] = selection.image(position)
            except DataError:
                # A picture less; `fgtl verify` is what says what is wrong with a record.
                continue
    return images
