"""Write a whole feature set at once: features that are at hand, such as those made elsewhere."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fgtl.errors import DataError, InputError
from fgtl.features.extractor import Extractor
from fgtl.features.feature_set import Features, FeatureSet
from fgtl.features.meta import ARRAYS, FEATURES, PROBABILITIES, SPLITS, Meta, describe_file, write_meta
from fgtl.files import atomic_folder

# Rows looked at together when they are checked: 64 MB of 2048 numbers.
_BLOCK = 8192


def write_feature_set(
    folder: Path,
    rows: Features,
    splits: NDArray[np.uint8],
    extractor: Extractor,
    **more: Any,
) -> FeatureSet:
    """Write a feature set, all of it or nothing.

    Args:
        folder: must not exist.
        rows: N >= 1 images with finite features.
        splits: (N,) uint8, index into `SPLITS`.
        extractor: what made the features.
        more: `dataset`, `manifest_sha256`, `versions`, `unreadable` of `Meta`; `probabilities` (N, K) float32 with
            `source_classes`, where the extractor has a classifier of its own.

    Raises:
        DataError: a number is not finite, an id comes twice, or a label has no class.
        InputError: the arrays do not fit each other.
    """
    arrays = {FEATURES: rows.features, "labels": rows.labels, "ids": rows.ids, "splits": splits}
    if "probabilities" in more:
        arrays[PROBABILITIES] = more.pop("probabilities")
    check_rows(arrays, rows.class_names)
    with atomic_folder(Path(folder)) as partial:
        for name, array in arrays.items():
            dtype = ARRAYS[name][1]
            np.save(partial / f"{name}.npy", np.asarray(array, None if name == "ids" else dtype), allow_pickle=False)
        files = {name: describe_file(partial, name) for name in arrays}
        facts = {"dataset": "", "manifest_sha256": "", **more}
        meta = Meta(
            extractor, class_names=rows.class_names, rows=len(rows), dim=rows.features.shape[1], files=files, **facts
        )
        write_meta(partial, meta)
    return FeatureSet.open(folder)


def check_rows(arrays: dict[str, NDArray[Any]], class_names: tuple[str, ...]) -> None:
    """Raise what `write_feature_set` says unless the arrays are those of a feature set."""
    count = len(arrays["labels"])
    for name, array in arrays.items():
        if array.ndim != ARRAYS[name][0] or len(array) != count or not count:
            raise InputError(
                f"{name} has shape {array.shape}, labels {arrays['labels'].shape}.", expected="N >= 1 rows."
            )
    labels, ids = arrays["labels"], arrays["ids"]
    wrong = np.flatnonzero((labels < 0) | (labels >= len(class_names)))
    if len(wrong):
        raise DataError(
            f"Row {wrong[0]:,} ({ids[wrong[0]]}) has the label {labels[wrong[0]]}.",
            expected=f"0 to {len(class_names) - 1}, as there are {len(class_names):,} class names.",
        )
    if arrays["splits"].max() >= len(SPLITS):
        raise DataError(f"A split is {arrays['splits'].max()}.", expected="0 train, 1 validation or 2 test.")
    names, counts = np.unique(ids, return_counts=True)
    if len(names) < count:
        raise DataError(f"The id {names[counts.argmax()]} comes {counts.max():,} times.", expected="each id once.")
    check_finite(arrays[FEATURES], ids)


def check_finite(features: NDArray[np.float32], ids: NDArray[np.str_]) -> None:
    """Raise DataError naming the first image whose features (N, D) hold NaN or infinity. Memory: a block of rows."""
    for start in range(0, len(features), _BLOCK):
        bad = np.flatnonzero(~np.isfinite(features[start : start + _BLOCK]).all(axis=1))
        if len(bad):
            raise DataError(
                f"The features of {ids[start + bad[0]]} (row {start + bad[0]:,}) are not finite.",
                expected="numbers; NaN or infinity come from a damaged network or float16 overflow.",
            )
