"""Byte-equal image files of a data set: inside a split, across splits, and under different labels."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fgtl.datasets import Sample

# A data set that is one image a million times must not make the manifest unreadable.
GROUPS_LISTED = 1000
IDS_LISTED = 20


@dataclass(frozen=True)
class Copies:
    """Files with equal content.

    Attributes:
        samples: at least two, in the order of the records.
    """

    samples: tuple[Sample, ...]

    @property
    def crosses_splits(self) -> bool:
        """Whether a test or validation image is in another split too: its answer can be learnt by heart."""
        return len({sample.split for sample in self.samples}) > 1

    @property
    def differs_in_label(self) -> bool:
        """Whether one image was given two labels."""
        return len({sample.label for sample in self.samples}) > 1


def find_copies(
    samples: Sequence[Sample],
    sizes: Sequence[int],
    crcs: Sequence[int],
    read: Callable[[Sequence[Sample]], Iterable[bytes]],
) -> list[Copies]:
    """Groups of samples whose files are equal byte by byte.

    Args:
        samples: (N,) samples.
        sizes, crcs: (N,) bytes and CRC-32C of each one's file.
        read: gives the content of the files whose size and checksum another one shares; those are compared by
            SHA-256.

    Cost: one sort of N numbers; memory for one file at a time.
    """
    keys = np.asarray(sizes, np.uint64) << np.uint64(32) | np.asarray(crcs, np.uint64)
    _, inverse, counts = np.unique(keys, return_inverse=True, return_counts=True)
    suspects = [samples[row] for row in np.flatnonzero(counts[inverse] > 1).tolist()]
    groups: dict[bytes, list[Sample]] = {}
    for sample, content in zip(suspects, read(suspects), strict=True):
        groups.setdefault(hashlib.sha256(content).digest(), []).append(sample)
    return [Copies(tuple(group)) for group in groups.values() if len(group) > 1]


def duplicates_report(copies: Sequence[Copies]) -> dict[str, Any]:
    """For the manifest: how many, and the first `GROUPS_LISTED` groups, the harmful ones first.

    Returns:
        {"groups", "images" (in them), "across_splits" (groups), "other_labels" (groups), "listed": [{"ids", "splits",
        "labels"}]}; of a large group the first `IDS_LISTED` ids.
    """
    harm = sorted(copies, key=lambda group: (not group.differs_in_label, not group.crosses_splits))
    return {
        "groups": len(copies),
        "images": sum(len(group.samples) for group in copies),
        "across_splits": sum(group.crosses_splits for group in copies),
        "other_labels": sum(group.differs_in_label for group in copies),
        "listed": [
            {
                "ids": [sample.id for sample in group.samples[:IDS_LISTED]],
                "splits": sorted({sample.split for sample in group.samples}),
                "labels": sorted({sample.label for sample in group.samples}),
            }
            for group in harm[:GROUPS_LISTED]
        ],
    }
