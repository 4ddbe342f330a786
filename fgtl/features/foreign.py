"""Features that were made elsewhere (timm, Hugging Face, an earlier project): plain .npy files, checked before use."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fgtl.console import say
from fgtl.errors import DataError
from fgtl.features.feature_set import Features
from fgtl.features.meta import SPLITS

_LARGEST_LABEL = 1_000_000


@dataclass(frozen=True)
class ForeignPart:
    """The files of one split.

    Attributes:
        features: .npy (N, D) of float16, float32 or float64.
        labels: .npy (N,) of integers from 0; None: somebody else knows them, and all are 0 here.
        split: "train", "validation" or "test".
        ids: a text file with one a line, or .npy (N,) of strings; None: "train 0", "train 1", ...
    """

    features: Path
    labels: Path | None
    split: str
    ids: Path | None = None


def read_foreign(parts: Sequence[ForeignPart], class_names: Sequence[str] = ()) -> tuple[Features, NDArray[np.uint8]]:
    """Read and check features that were made elsewhere.

    Args:
        parts: at least one; parts of the same split are put together.
        class_names: by label; empty: "class 0" up to the highest label, all of them needed then from 0 on.

    Returns:
        The rows in the order train, validation, test, and their splits (N,) uint8.

    Raises:
        DataError: a file is missing or no .npy, holds Python objects, or another kind or number of values than the
            others; or labels are counted from 1.

    Memory: of one float32 file nothing but its labels and ids (features stay a memory map); otherwise all features once.
    """
    parts = sorted(parts, key=lambda part: SPLITS.index(part.split))
    features = [read_features(part.features) for part in parts]
    wide = next((one for one in range(len(parts)) if features[one].shape[1] != features[0].shape[1]), None)
    if wide is not None:
        raise DataError(
            f"{parts[wide].features} has {features[wide].shape[1]:,} numbers a row, {parts[0].features} "
            f"{features[0].shape[1]:,}.",
            expected="features of one network.",
        )
    labels = [_labels(part, len(rows)) for part, rows in zip(parts, features, strict=True)]
    ids = [_ids(part, len(rows)) for part, rows in zip(parts, features, strict=True)]
    splits = np.repeat([SPLITS.index(part.split) for part in parts], [len(rows) for rows in features])
    highest = max(int(rows.max()) for rows in labels)
    if len(class_names) <= highest:
        _check_zero_based(parts, min(int(rows.min()) for rows in labels), highest, named=bool(class_names))
    names = tuple(class_names) or tuple(f"class {label}" for label in range(highest + 1))
    together = features[0] if len(parts) == 1 else np.concatenate(features)
    rows = Features(together, np.concatenate(labels), np.concatenate(ids), names)
    return rows, splits.astype(np.uint8)


def read_features(path: Path) -> NDArray[np.float32]:
    """(N, D) float32 of a file; float16 and float64 are converted, which is said."""
    array = read_npy(path)
    if array.ndim != 2 or not array.size or array.dtype.kind != "f":
        raise DataError(f"{path} holds {array.dtype} of shape {array.shape}.", expected="floats of shape (N, D).")
    if array.dtype != np.float32:
        say(f"{path} holds {array.dtype}: converted to float32.")
        # What is too large becomes infinite, which is an error with the row's id later.
        with np.errstate(over="ignore"):
            return array.astype(np.float32)
    return array


def read_npy(path: Path) -> NDArray[Any]:
    """A .npy file, memory-mapped.

    Raises:
        DataError: it is missing, no .npy, cut short, or holds Python objects.
    """
    if not path.is_file():
        raise DataError(f"There is no file {path}.", expected="a .npy file.")
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        objects = "allow_pickle" in str(error) or "Python objects" in str(error)
        raise DataError(
            f"{path} holds Python objects, or is no .npy file: neither is read." if objects else f"{path}: {error}.",
            expected="an array of numbers as np.save writes it.",
            fix="np.save(path, np.asarray(features, 'float32')) where it was made." if objects else "",
        ) from None
    if not isinstance(array, np.ndarray):
        raise DataError(f"{path} is an archive of several arrays.", expected="one array, as np.save writes it.")
    return array


def read_names(path: Path) -> tuple[str, ...]:
    """The lines of a UTF-8 text file, with or without a byte-order mark; empty ones at the end do not count.

    Raises:
        DataError: it cannot be read, or a line between others is empty.
    """
    try:
        names = tuple(path.read_text(encoding="utf-8-sig").rstrip().splitlines())
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}.", expected="a text file, one name a line.") from None
    if "" in names:
        raise DataError(f"{path} line {names.index('') + 1:,} is empty.", expected="one name a line.")
    return names


def _labels(part: ForeignPart, count: int) -> NDArray[np.int32]:
    if part.labels is None:
        return np.zeros(count, np.int32)
    array = read_npy(part.labels)
    if array.shape != (count,) or array.dtype.kind not in "iu":
        raise DataError(
            f"{part.labels} holds {array.dtype} of shape {array.shape}.",
            expected=f"integers of shape ({count:,},), one for each row of {part.features}.",
        )
    wrong = np.flatnonzero((array < 0) | (array > _LARGEST_LABEL))
    if len(wrong):
        raise DataError(
            f"{part.labels} row {wrong[0]:,}: the label {array[wrong[0]]}.",
            expected="class numbers counted from 0.",
        )
    return array.astype(np.int32)


def _check_zero_based(parts: Sequence[ForeignPart], lowest: int, highest: int, *, named: bool) -> None:
    """Raise DataError where no label is 0, and no list of names tells that class 0 exists all the same."""
    if lowest:
        other = f"; or, where class 0 has no image here, name all {highest + 1:,} classes with --import_classes"
        raise DataError(
            f"The labels in {', '.join(str(part.labels) for part in parts)} are {lowest:,} to {highest:,}.",
            expected="class numbers counted from 0.",
            fix=f"Subtract {lowest:,}{'' if named else other}.",
        )


def _ids(part: ForeignPart, count: int) -> NDArray[np.str_]:
    if part.ids is None:
        return np.array([f"{part.split} {row}" for row in range(count)])
    if part.ids.suffix == ".npy":
        names = read_npy(part.ids)
        if names.dtype.kind != "U":
            raise DataError(f"{part.ids} holds {names.dtype}.", expected="strings.")
    else:
        names = np.array(read_names(part.ids))
    if names.shape != (count,):
        raise DataError(
            f"{part.ids} holds {names.size:,} ids.", expected=f"{count:,}, one for each row of {part.features}."
        )
    return np.array(names)
