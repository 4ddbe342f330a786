"""Write a whole feature set at once: features that are at hand, such as those made elsewhere."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fgtl.errors import InputError
from fgtl.features.checks import check_columns, check_finite
from fgtl.features.extractor import Extractor
from fgtl.features.feature_set import Features, FeatureSet
from fgtl.features.meta import ARRAYS, FEATURES, PROBABILITIES, Meta, describe_file, write_meta
from fgtl.features.npy import save_array
from fgtl.files import atomic_folder

# Kinds of NumPy that are stored without loss, but for the digits of a larger float.
_KINDS = {FEATURES: "f", PROBABILITIES: "f", "labels": "iu", "splits": "iu", "ids": "U"}


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
    names = more.get("source_classes", ())
    if len(names) != (arrays[PROBABILITIES].shape[1] if PROBABILITIES in arrays else 0):
        raise InputError(f"{len(names)} source classes.", expected="one for each column of the probabilities.")
    with atomic_folder(Path(folder)) as partial:
        for name, array in arrays.items():
            dtype = ARRAYS[name][1]
            save_array(partial / f"{name}.npy", np.asarray(array, None if name == "ids" else dtype))
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
        if array.dtype.kind not in _KINDS[name]:
            raise InputError(f"{name} is {array.dtype}.", expected=f"an array like {np.dtype(ARRAYS[name][1]).name}.")
    check_columns(arrays["labels"], arrays["ids"], arrays["splits"], len(class_names))
    for name in (FEATURES, PROBABILITIES):
        if name in arrays:
            check_finite(arrays[name], arrays["ids"])
