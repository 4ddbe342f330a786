"""Rows that were made elsewhere, brought into the order of a record set by their ids."""

import numpy as np
from numpy.typing import NDArray

from fgtl.data.records import RecordSet
from fgtl.errors import DataError
from fgtl.features.feature_set import Features
from fgtl.features.meta import SPLITS


def aligned_to(records: RecordSet, rows: Features, *, labelled: bool) -> tuple[Features, NDArray[np.uint8]]:
    """The rows in the order of a record set, train, validation, test, matched by id.

    Args:
        rows: in any order.
        labelled: whether their labels mean something; then they must be the record set's.

    Returns:
        Rows with the record set's labels and class names, and its splits (N,) uint8.

    Raises:
        DataError: an image of the record set has no row, or a row no image; or their labels differ.
    """
    names = [split for split in SPLITS if records.counts.get(split)]
    images = records.select("+".join(names))
    order = np.argsort(rows.ids, kind="stable")
    places = np.searchsorted(rows.ids, images.ids, sorter=order)
    found = order[np.minimum(places, len(order) - 1)]
    without = np.count_nonzero(rows.ids[found] != images.ids)
    if without or len(rows) != len(images):
        strange = len(rows) - (len(images) - without)
        raise DataError(
            f"{without:,} of the {len(images):,} images of {records.folder} have no row, {strange:,} of the "
            f"{len(rows):,} rows no image. The first image is {images.ids[0]}, the first row {rows.ids[0]}.",
            expected="one row for each image, with the image's id.",
        )
    wrong = np.flatnonzero(labelled & (rows.labels[found] != images.labels))
    if len(wrong):
        raise DataError(
            f"{len(wrong):,} rows have another label than the record set, the first {images.ids[wrong[0]]}: "
            f"{rows.labels[found][wrong[0]]}, not {images.labels[wrong[0]]}.",
            expected=f"the labels of {records.folder}, or no --import_labels.",
        )
    splits = np.repeat([SPLITS.index(name) for name in names], [records.counts[name] for name in names])
    return Features(rows.features[found], images.labels, images.ids, records.class_names), splits.astype(np.uint8)
