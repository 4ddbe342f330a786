"""A finished record set on disk, opened to select records from it."""

from collections.abc import Sequence
from functools import cached_property
from itertools import combinations
from pathlib import Path

import numpy as np

from fgtl.data.bad_records import BadRecords
from fgtl.data.manifest import MANIFEST, Index, Manifest, read_index, read_manifest
from fgtl.data.selection import COLUMNS, Selection
from fgtl.data.shard_reader import ShardReader
from fgtl.data.splits import parse_expression
from fgtl.errors import DataError, UsageError
from fgtl.files import sha256_of

__all__ = ["RecordSet", "Selection"]


class RecordSet:
    """A folder of shards with a manifest. Open one with `RecordSet.open`.

    Attributes:
        folder: where it is.
        manifest: its manifest.
        shard_paths: every shard of every split; `Selection.shards` counts along it.
        bad: the records that could not be read and were left out so far, where that was asked for.
    """

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder = folder
        self.manifest = manifest
        self.shard_paths = tuple(folder / shard.file for shards in manifest.shards.values() for shard in shards)
        self._indexes: dict[str, Index] = {}
        self.bad = BadRecords()
        self._reader = ShardReader(self.shard_paths)

    @classmethod
    def open(cls, folder: Path) -> "RecordSet":
        """Open a record set and check that every file is there in its full size (not its content: `fgtl verify`).

        Raises:
            DataError: not finished, written by a newer fgtl, or a file is missing or of another size.
        """
        folder = Path(folder)
        manifest = read_manifest(folder)
        for file in manifest.files:
            path = folder / file.file
            size = path.stat().st_size if path.is_file() else None
            if size != file.bytes:
                came = "is missing" if size is None else f"has {size:,} bytes"
                raise DataError(
                    f"{path} {came}.",
                    expected=f"{file.records:,} records in {file.bytes:,} bytes.",
                    fix=f"python -m fgtl verify --records {folder} names the damage; convert --overwrite repairs it.",
                )
        return cls(folder, manifest)

    @property
    def name(self) -> str:
        """The data set's name."""
        return self.manifest.name

    @property
    def class_names(self) -> tuple[str, ...]:
        """Class names by label."""
        return self.manifest.class_names

    @property
    def part_names(self) -> tuple[str, ...]:
        """Names of the columns of image/object/part."""
        return self.manifest.part_names

    @property
    def counts(self) -> dict[str, int]:
        """Images of each split."""
        return self.manifest.counts

    @cached_property
    def manifest_sha256(self) -> str:
        """Digest of manifest.json, which names the exact content: runs and features are tied to it."""
        return sha256_of(self.folder / MANIFEST)

    def select(self, expression: str) -> "Selection":
        """The records a split expression names, in the order of the shards.

        Args:
            expression: "train", "train+validation", "train[:90%]", "train[10:20]".

        Raises:
            UsageError: an unknown split, a wrong expression, none or the same record twice.
            DataError: the split's index is damaged.

        Memory: 32 bytes a record of the split and 4 for each character of its longest id. Cost: 2.7 million records
        with ids of 76 characters are selected in some 2 s and held in 0.9 GB.
        """
        terms = parse_expression(expression, self.counts)
        if _overlap(terms, self.counts):
            raise UsageError(f"{expression!r} selects some images twice.", expected="parts that do not overlap.")
        parts = [self._whole(split).take(rows) for split, rows in terms]
        # A single part stays a view: the ids of millions of images are not copied.
        columns = (np.concatenate([getattr(part, name) for part in parts]) for name in COLUMNS)
        picked = parts[0] if len(parts) == 1 else Selection(self, *columns)
        if not len(picked):
            sizes = ", ".join(f"{split} {count:,}" for split, count in self.counts.items())
            raise UsageError(f"{expression!r} selects no image of {self.folder}.", expected=f"a part of: {sizes}.")
        return picked

    def read(self, shard: int, offset: int, length: int) -> bytes:
        """The payload at `offset` of shard number `shard`, checksums checked; safe from several threads."""
        return self._reader.payload(shard, offset, length)

    def _whole(self, split: str) -> "Selection":
        index = self._index(split)
        first = self.shard_paths.index(self.folder / self.manifest.shards[split][0].file)
        shards = (index.shard + first).astype(np.int32)
        return Selection(self, shards, index.offset, index.length, index.label, index.id, index.height, index.width)

    def _index(self, split: str) -> Index:
        if split not in self._indexes:
            index = read_index(self.folder / self.manifest.indexes[split].file)
            if len(index) != self.counts[split]:
                raise DataError(
                    f"{self.folder / self.manifest.indexes[split].file} lists {len(index):,} records.",
                    expected=f"{self.counts[split]:,}, as {MANIFEST} says.",
                    fix="Convert again with --overwrite.",
                )
            self._indexes[split] = index
        return self._indexes[split]


def _overlap(terms: Sequence[tuple[str, slice]], counts: dict[str, int]) -> bool:
    """Whether two parts of a split share a record."""
    taken: dict[str, list[range]] = {}
    for split, rows in terms:
        taken.setdefault(split, []).append(range(*rows.indices(counts[split])))
    return any(
        max(one.start, other.start) < min(one.stop, other.stop)
        for parts in taken.values()
        for one, other in combinations(parts, 2)
    )
