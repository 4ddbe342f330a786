"""A finished record set on disk, and a selection of its records that can be read in any order."""

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from fgtl.data.example import IMAGE, decode_example
from fgtl.data.manifest import MANIFEST, Index, Manifest, read_index, read_manifest
from fgtl.data.splits import parse_expression
from fgtl.data.tfrecord import FOOTER_BYTES, HEADER_BYTES, unframed
from fgtl.errors import DataError, UsageError
from fgtl.files import sha256_of


class RecordSet:
    """A folder of shards with a manifest. Open one with `RecordSet.open`.

    Attributes:
        folder: where it is.
        manifest: its manifest.
        shard_paths: every shard of every split; `Selection.shards` counts along it.
    """

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder = folder
        self.manifest = manifest
        self.shard_paths = tuple(folder / shard.file for shards in manifest.shards.values() for shard in shards)
        self._indexes: dict[str, Index] = {}
        self._reader = _ShardReader(self.shard_paths)

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
        """
        terms = parse_expression(expression, self.counts)
        parts = [self._whole(split).take(rows) for split, rows in terms]
        picked = Selection(self, *(np.concatenate([getattr(part, name) for part in parts]) for name in _COLUMNS))
        if not len(picked):
            sizes = ", ".join(f"{split} {count:,}" for split, count in self.counts.items())
            raise UsageError(f"{expression!r} selects no image of {self.folder}.", expected=f"a part of: {sizes}.")
        if len(np.unique(np.stack([picked.shards, picked.offsets]), axis=1).T) < len(picked):
            raise UsageError(f"{expression!r} selects some images twice.", expected="parts that do not overlap.")
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


_COLUMNS = ("shards", "offsets", "lengths", "labels", "ids", "heights", "widths")


@dataclass(frozen=True, eq=False)
class Selection:
    """Some records of a record set, in an order of their own. Holds no image; reads one when asked.

    Attributes:
        records: the set they belong to.
        shards: (N,) int32, index into `shard_paths`.
        offsets: (N,) int64, byte offset of the payload in its shard.
        lengths: (N,) int64, bytes of the payload.
        labels: (N,) int32.
        ids: (N,) unicode.
        heights, widths: (N,) int32, pixels of the stored image.
    """

    records: RecordSet
    shards: np.ndarray
    offsets: np.ndarray
    lengths: np.ndarray
    labels: np.ndarray
    ids: np.ndarray
    heights: np.ndarray
    widths: np.ndarray

    def __len__(self) -> int:
        return len(self.shards)

    @property
    def shard_paths(self) -> tuple[Path, ...]:
        """What `shards` points into: all shards of the record set."""
        return self.records.shard_paths

    def take(self, indices: Any) -> "Selection":
        """The records at `indices` (any NumPy index of the first axis), in that order."""
        return Selection(self.records, *(getattr(self, name)[indices] for name in _COLUMNS))

    def payload(self, position: int) -> bytes:
        """The serialised tf.Example of one record.

        Raises:
            RecordDamage: its checksums differ, or the shard was cut short.
        """
        return self.records.read(int(self.shards[position]), int(self.offsets[position]), int(self.lengths[position]))

    def example(self, position: int) -> dict[str, Any]:
        """One record, decoded: key -> list of bytes or NumPy array (fgtl.data.example)."""
        return decode_example(self.payload(position))

    def image(self, position: int) -> bytes:
        """The stored image file's bytes of one record."""
        return self.example(position)[IMAGE][0]


class _ShardReader:
    """Positioned reads without a shared cursor, so threads need no lock around them."""

    # Descriptors are scarce (1024 by default); shards behind the first 256 are opened for each read.
    kept_open = 256

    def __init__(self, paths: tuple[Path, ...]) -> None:
        self._paths = paths
        self._handles: dict[int, int] = {}
        self._lock = threading.Lock()

    def payload(self, shard: int, offset: int, length: int) -> bytes:
        start, whole = offset - HEADER_BYTES, HEADER_BYTES + length + FOOTER_BYTES
        record = self._on_handle(shard, lambda handle: os.pread(handle, whole, start))
        return unframed(record, str(self._paths[shard]), start)

    def _on_handle(self, shard: int, read: Callable[[int], bytes]) -> bytes:
        handle = self._handles.get(shard)
        if handle is None and shard < self.kept_open:
            with self._lock:
                handle = self._handles.get(shard)
                if handle is None:
                    handle = self._handles[shard] = os.open(self._paths[shard], os.O_RDONLY | os.O_CLOEXEC)
        if handle is not None:
            return read(handle)
        handle = os.open(self._paths[shard], os.O_RDONLY | os.O_CLOEXEC)
        try:
            return read(handle)
        finally:
            os.close(handle)

    def __del__(self) -> None:
        for handle in self._handles.values():
            os.close(handle)
