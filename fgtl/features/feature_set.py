"""Feature sets: a row of numbers for each image of a record set, made once and read by every analysis.

A folder with `features.npy` (N, D) float32, `labels.npy`, `ids.npy`, `splits.npy` and, last, `meta.json`. Features that
belong to a record set lie in `<records>/features/<key>/`, where the key is a digest of the question that they answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fgtl.data.splits import parse_expression
from fgtl.errors import DataError, InputError, UsageError
from fgtl.features.checks import check_columns, check_finite
from fgtl.features.meta import FEATURES, META, PROBABILITIES, READ_WHOLE, SPLITS, Meta, read_array, read_meta


@dataclass(frozen=True, eq=False)
class Features:
    """Rows of a feature set, in an order of their own.

    Attributes:
        features: (N, D) float32, finite. A memory map where they are many.
        labels: (N,) int32, into `class_names`.
        ids: (N,) unicode.
        class_names: by label, of the whole data set; some may have no row.
    """

    features: NDArray[np.float32]
    labels: NDArray[np.int32]
    ids: NDArray[np.str_]
    class_names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: Sequence[int] | NDArray[np.int64] | NDArray[np.bool_]) -> "Features":
        """The rows at `rows` (any NumPy index of the first axis), in that order."""
        return Features(self.features[rows], self.labels[rows], self.ids[rows], self.class_names)

    def of_classes(self, labels: Sequence[int] | NDArray[np.int64]) -> "Features":
        """The rows of some classes as a data set of its own: the class `labels[k]` gets the label k. Rows keep their order.

        Raises:
            InputError: a class that there is not, or one twice.
        """
        kept = np.asarray(labels, np.int64)
        wrong = [int(label) for label in kept if not 0 <= label < len(self.class_names)]
        if wrong or len(np.unique(kept)) < len(kept):
            raise InputError(
                f"There is no class {wrong[0]}." if wrong else "A class is named twice.",
                expected=f"labels from 0 to {len(self.class_names) - 1:,}, each once.",
            )
        new = np.full(len(self.class_names), -1, np.int32)
        new[kept] = np.arange(len(kept))
        rows = new[self.labels] >= 0
        names = tuple(self.class_names[label] for label in kept)
        return Features(self.features[rows], new[self.labels[rows]], self.ids[rows], names)


class FeatureSet:
    """A finished folder of features, opened with `FeatureSet.open`; the features stay a memory map.

    Attributes:
        folder: where it is.
        meta: what `meta.json` says.
    """

    def __init__(self, folder: Path, meta: Meta) -> None:
        self.folder = folder
        self.meta = meta

    @classmethod
    def open(cls, folder: Path) -> "FeatureSet":
        """Open a feature set and check that it is what its writer left.

        Sizes, types and shapes of all arrays; the content of labels, ids and splits; and, of files of at most 512 MB,
        the digest of the features and that they are finite. What is larger is too long to read for that every time.

        Raises:
            DataError: not finished, made by a newer fgtl, or a file is missing, cut short or changed.

        Cost: some two seconds for each GB of features of at most 512 MB.
        """
        found = cls(Path(folder), read_meta(Path(folder)))
        found._check()
        return found

    def _check(self) -> None:
        """Raise DataError unless the arrays fit each other and meta.json."""
        rows = (len(self),)
        shapes: dict[str, tuple[int, ...]] = {"labels": rows, "ids": rows, "splits": rows, FEATURES: (*rows, self.dim)}
        if PROBABILITIES in self.meta.files:
            shapes[PROBABILITIES] = (*rows, len(self.meta.source_classes))
        for name, shape in shapes.items():
            if (came := getattr(self, name).shape) != shape:
                raise DataError(
                    f"{self.folder / name}.npy has shape {came}.",
                    expected=f"{shape}, as {META} says.",
                    fix="Extract again.",
                )
        where = f"{self.folder}: "
        check_columns(self.labels, self.ids, self.splits, len(self.class_names), where)
        if self.meta.files[FEATURES].bytes <= READ_WHOLE:
            check_finite(self.features, self.ids, where)

    def __len__(self) -> int:
        return self.meta.rows

    @property
    def dim(self) -> int:
        """D, numbers a row."""
        return self.meta.dim

    @property
    def class_names(self) -> tuple[str, ...]:
        """By label."""
        return self.meta.class_names

    @cached_property
    def features(self) -> NDArray[np.float32]:
        """(N, D) float32, memory-mapped and read-only."""
        return read_array(self.folder, FEATURES)

    @cached_property
    def labels(self) -> NDArray[np.int32]:
        """(N,) int32."""
        return read_array(self.folder, "labels")

    @cached_property
    def ids(self) -> NDArray[np.str_]:
        """(N,) unicode, each once."""
        return read_array(self.folder, "ids")

    @cached_property
    def splits(self) -> NDArray[np.uint8]:
        """(N,) uint8: 0 train, 1 validation, 2 test."""
        return read_array(self.folder, "splits")

    @property
    def probabilities(self) -> NDArray[np.float32] | None:
        """(N, K) float32, what the extractor's own classifier says of each image; None where it has none."""
        return read_array(self.folder, PROBABILITIES) if PROBABILITIES in self.meta.files else None

    @property
    def counts(self) -> dict[str, int]:
        """Images of each split that has some."""
        sizes = np.bincount(self.splits, minlength=len(SPLITS))
        return {name: int(size) for name, size in zip(SPLITS, sizes, strict=True) if size}

    def rows(self, expression: str) -> NDArray[np.int64]:
        """Positions of the rows that a split expression names, such as "train+validation" or "train[:90%]".

        Raises:
            UsageError: a split that is not there, a wrong expression, none or the same row twice.
        """
        try:
            terms = parse_expression(expression, self.counts)
        except UsageError as error:
            raise UsageError(f"{self.folder}: {error}") from None
        parts = [np.flatnonzero(self.splits == SPLITS.index(split))[part] for split, part in terms]
        rows = np.concatenate(parts)
        if len(np.unique(rows)) < len(rows):
            raise UsageError(f"{expression!r} selects some images twice.", expected="parts that do not overlap.")
        if not len(rows):
            raise UsageError(f"{expression!r} selects no image of {self.folder}.")
        return rows

    def part(self, expression: str) -> Features:
        """The rows that a split expression names. Rows that lie together stay a memory map; others are copied.

        Raises:
            UsageError: see `rows`.
        """
        rows = self.rows(expression)
        together = np.array_equal(rows, np.arange(rows[0], rows[0] + len(rows)))
        index = slice(int(rows[0]), int(rows[0]) + len(rows)) if together else rows
        return Features(self.features[index], self.labels[index], self.ids[index], self.class_names)
