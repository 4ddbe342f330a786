"""What holds of the rows of every feature set: checked before one is written, and again when one is opened."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fgtl.errors import DataError
from fgtl.features.meta import SPLITS

# Rows looked at together: 64 MB of 2048 numbers.
_BLOCK = 8192


def check_columns(labels: NDArray[Any], ids: NDArray[Any], splits: NDArray[Any], classes: int, where: str = "") -> None:
    """Raise DataError naming the first row that no feature set has.

    Args:
        labels: (N,) int, 0 to `classes` - 1.
        ids: (N,) unicode, each once.
        splits: (N,) int, index into `SPLITS`.
        classes: how many class names there are.
        where: what the message begins with.
    """
    wrong = np.flatnonzero((labels < 0) | (labels >= classes))
    if len(wrong):
        raise DataError(
            f"{where}Row {wrong[0]:,} ({ids[wrong[0]]}) has the label {labels[wrong[0]]}.",
            expected=f"0 to {classes - 1}, as there are {classes:,} class names.",
        )
    wrong = np.flatnonzero((splits < 0) | (splits >= len(SPLITS)))
    if len(wrong):
        raise DataError(
            f"{where}Row {wrong[0]:,} ({ids[wrong[0]]}) has the split {splits[wrong[0]]}.",
            expected="0 train, 1 validation or 2 test.",
        )
    # A set of strings is found faster than they are sorted.
    if len(set(ids.tolist())) < len(ids):
        names, counts = np.unique(ids, return_counts=True)
        raise DataError(
            f"{where}The id {names[counts.argmax()]} comes {counts.max():,} times.", expected="each id once."
        )


def check_finite(features: NDArray[np.float32], ids: NDArray[np.str_], where: str = "") -> None:
    """Raise DataError naming the first image whose features (N, D) are not finite in float32. Memory: a block of rows."""
    for start in range(0, len(features), _BLOCK):
        # What is too large becomes infinite, as it would in the file.
        with np.errstate(over="ignore"):
            block = np.asarray(features[start : start + _BLOCK], np.float32)
        bad = np.flatnonzero(~np.isfinite(block).all(axis=1))
        if len(bad):
            raise DataError(
                f"{where}The features of {ids[start + bad[0]]} (row {start + bad[0]:,}) are not finite.",
                expected="numbers; NaN or infinity come from a damaged network or float16 overflow.",
            )
