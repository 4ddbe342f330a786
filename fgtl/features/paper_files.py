"""The four files in which Cui et al. 2018 keep features: <dataset>_{feature,label}_{train,val}.npy, in one folder.

Their "val" is the official test split of the seven target data sets (code of the paper, feature_extraction.py). So here:
`val` is the test split; where a set has validation images too, these are `val`, and the test split is `test`.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fgtl.errors import DataError, UsageError
from fgtl.features.feature_set import Features, FeatureSet
from fgtl.features.foreign import ForeignPart, read_foreign
from fgtl.features.meta import SPLITS
from fgtl.features.npy import save_array
from fgtl.files import atomic_path

_FEATURES, _LABELS = "{name}_feature_{part}.npy", "{name}_label_{part}.npy"


def write_paper_files(found: FeatureSet, folder: Path, name: str = "") -> list[Path]:
    """Write a feature set's splits as the paper's files: float32 (N, D) and int32 (N,), rows in the set's order.

    Args:
        folder: made when it is not there; files of the same names are replaced.
        name: of the data set, for the file names; default: the set's.

    Returns:
        The files, two for each split.

    Memory: nothing; rows of a split lie together and are copied from map to file.
    """
    written = []
    for split, part in _parts_of(tuple(found.counts)).items():
        rows = found.part(split)
        for pattern, array in ((_FEATURES, rows.features), (_LABELS, rows.labels)):
            path = Path(folder) / pattern.format(name=name or found.meta.dataset or "features", part=part)
            with atomic_path(path) as partial:
                save_array(partial, array)
            written.append(path)
    return written


def read_paper_files(folder: Path, name: str = "") -> tuple[Features, NDArray[np.uint8], str]:
    """Read such a folder.

    Args:
        name: of the data set; may be left out where the folder holds a single one.

    Returns:
        The rows, train first; their splits (N,) uint8; and the data set's name. Ids are "train 0", "train 1", ...

    Raises:
        UsageError: several data sets, and no name.
        DataError: files are missing or damaged; see `read_foreign`.
    """
    names = sorted(path.name.removesuffix("_feature_train.npy") for path in folder.glob("*_feature_train.npy"))
    if not names or (name and name not in names):
        raise DataError(
            f"{folder} has no {name or '<dataset>'}_feature_train.npy{'; of: ' * bool(names)}{', '.join(names)}.",
            expected="<dataset>_feature_train.npy, <dataset>_label_train.npy and the same with _val.",
        )
    if len(names) > 1 and not name:
        raise UsageError(f"{folder} holds several data sets.", fix=f"Say which one: --dataset={'|'.join(names)}.")
    name = name or names[0]
    has_test = (folder / _FEATURES.format(name=name, part="test")).is_file()
    splits = _parts_of(SPLITS if has_test else ("train", "test"))
    parts = [
        ForeignPart(
            folder / _FEATURES.format(name=name, part=part), folder / _LABELS.format(name=name, part=part), split
        )
        for split, part in splits.items()
    ]
    return *read_foreign(parts), name


def _parts_of(splits: tuple[str, ...]) -> dict[str, str]:
    """split -> the part's name in file names."""
    names = {"train": "train", "validation": "val", "test": "test" if "validation" in splits else "val"}
    return {split: names[split] for split in splits}
