"""Some records of a record set, in an order of their own, read one by one."""

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fgtl.data.bad_records import BadRecord, BadRecords, Tolerance
from fgtl.data.example import ID
from fgtl.data.image_files.policy import BadImage, inspect
from fgtl.data.record_check import image_in, shown
from fgtl.errors import DataError, UsageError
from fgtl.tfrecord import RecordDamage
from fgtl.wire import decode_example

if TYPE_CHECKING:
    from fgtl.data.records import RecordSet

# An image was accepted when it was converted, whatever its size.
_ANY_SIZE = 2**62
COLUMNS = ("shards", "offsets", "lengths", "labels", "ids", "heights", "widths")


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

    records: "RecordSet"
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
        return Selection(self.records, *(getattr(self, name)[indices] for name in COLUMNS))

    @property
    def bad(self) -> BadRecords:
        """The record set's list of records that could not be read."""
        return self.records.bad

    def payload(self, position: int) -> bytes:
        """The serialised tf.Example of one record.

        Raises:
            BadRecord: its checksums differ, the shard was cut short, or the disk cannot read it.
        """
        shard, offset = int(self.shards[position]), int(self.offsets[position])
        try:
            return self.records.read(shard, offset, int(self.lengths[position]))
        except RecordDamage as damage:
            raise self.bad_record(position, damage.what, damage.byte) from None
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            raise self.bad_record(position, f"the disk says {os.strerror(errno.EIO)!r}") from None

    def example(self, position: int) -> dict[str, Any]:
        """One record, decoded: key -> list of bytes or NumPy array (fgtl.wire). BadRecord when it cannot be."""
        try:
            return decode_example(self.payload(position))
        except BadRecord:
            raise
        except DataError as error:
            raise self.bad_record(position, str(error)) from None

    def image(self, position: int) -> bytes:
        """The stored image file's bytes of one record. BadRecord when there are none."""
        try:
            return image_in(self.example(position))
        except BadImage as error:
            raise self.bad_record(position, f"its image: {error.reason}") from None

    def examples(self, *, bad_records: str = "fail") -> Iterator[tuple[int, dict[str, Any]]]:
        """(row, example) of every record, in order, after a look at its id and its image's header.

        Args:
            bad_records: "fail", or "skip": leave a bad record out, name it on stderr and keep it in `bad`.

        Raises:
            BadRecord: a record cannot be read, is another one than the index says, or its image has no header.
            DataError: more than LARGEST_BAD_SHARE of the records are bad.
            UsageError: `bad_records` is neither.
        """
        if bad_records not in ("fail", "skip"):
            raise UsageError(f"bad_records is {bad_records!r}.", expected="'fail' or 'skip'.")
        tolerance = Tolerance(self)
        for row in range(len(self)):
            try:
                found = self._looked_at(row)
            except BadRecord as bad:
                if bad_records == "fail":
                    raise
                tolerance.note(row, bad)
                continue
            yield row, found

    def _looked_at(self, row: int) -> dict[str, Any]:
        found = self.example(row)
        name = str(self.ids[row]).encode("utf-8", "surrogateescape")
        if list(found.get(ID, [name])) != [name]:
            raise self.bad_record(row, f"the record there has the id {shown(found[ID])}")
        try:
            facts = inspect(image_in(found), max_pixels=_ANY_SIZE)
        except BadImage as error:
            raise self.bad_record(row, f"its image: {error.reason}") from None
        if (facts.height, facts.width) != (self.heights[row], self.widths[row]):
            size = f"{self.widths[row]} x {self.heights[row]}"
            raise self.bad_record(row, f"its image has {facts.width} x {facts.height} pixels, the index says {size}")
        return found

    def bad_record(self, row: int, what: str, byte: int | None = None) -> BadRecord:
        """The error that names one record: `what` is wrong, at `byte` of its shard (default: its payload's first)."""
        path = self.shard_paths[int(self.shards[row])]
        return BadRecord(str(self.ids[row]), path, int(self.offsets[row]) if byte is None else byte, what)
