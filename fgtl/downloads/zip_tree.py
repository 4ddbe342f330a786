"""ZIP archives: every file is a slice of the archive, stored or deflated."""

import os
import weakref
from array import array
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np

from fgtl.console import Progress
from fgtl.downloads.archive_tree import ArchiveTree
from fgtl.downloads.limits import Limits, amount, beyond
from fgtl.downloads.names import clean_name, shown
from fgtl.downloads.place import Place, place_pieces
from fgtl.downloads.source import DAMAGED
from fgtl.downloads.zip_directory import (
    DEFLATED,
    LOCAL,
    LOCAL_MAGIC,
    Entry,
    decode_entry_name,
    find_directory,
    read_directory,
)
from fgtl.errors import DataError


class ZipTree(ArchiveTree):
    """The files of a ZIP archive.

    Args:
        path: the archive.
        limits: what it may hold.

    Cost: its directory is read; a file's own header only when its place is asked for. Memory: the index, 33 bytes a
    file and 8 an entry besides.

    Raises:
        DataError: as `open_archive`.
    """

    def __init__(self, path: Path, limits: Limits) -> None:
        super().__init__(path, limits)
        self._offsets, self._packed, self._sizes = array("Q"), array("Q"), array("Q")
        self._crc32, self._methods = array("I"), array("B")
        starts, ends = array("Q"), array("Q")
        with path.open("rb") as file:
            directory = find_directory(file, path)
            with Progress(f"read {path.name}", directory.entries, unit="members") as progress:
                for entry in read_directory(file, path, directory, limits):
                    starts.append(entry.offset)
                    ends.append(entry.end)
                    self._enter(entry)
                    progress.advance(1)
        if self.index.bytes > limits.inflated(path.stat().st_size):
            raise beyond(str(path), f"inflates to {amount(self.index.bytes)}", limits.growth)
        self._starts = _sorted_starts(path, starts, ends, directory.offset)
        self._handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        weakref.finalize(self, os.close, self._handle)

    def size_of(self, number: int) -> int:
        return self._sizes[number]

    def stamp_of(self, number: int) -> int:
        return self._crc32[number]

    def place(self, name: str) -> Place:
        number = self.number(name)
        start = self._offsets[number]
        data_at = start + LOCAL.size + self._local_fields(name, start, self._methods[number])
        packed = self._packed[number]
        # The directory does not tell how long this header is, so that only now the end is known for certain.
        if data_at + packed > self._starts[np.searchsorted(self._starts, start, side="right")]:
            raise self._damaged(f"'{shown(name)}' reaches into what follows it")
        inflated = self._sizes[number] if self._methods[number] == DEFLATED else None
        return Place(str(self.path), data_at, packed, inflated, self._crc32[number])

    def contents(self, names: Collection[str]) -> Iterator[tuple[str, Iterator[bytes | memoryview]]]:
        self.check_unchanged()
        for name in sorted(names, key=lambda name: self._offsets[self.number(name)]):
            yield name, place_pieces(self.place(name))

    def _local_fields(self, name: str, start: int, method: int) -> int:
        """Bytes of the name and extra fields in a file's own header, which must agree with the directory."""
        header = os.pread(self._handle, LOCAL.size, start)
        if len(header) < LOCAL.size or not header.startswith(LOCAL_MAGIC):
            raise self._damaged(f"the header of '{shown(name)}' is not where the directory says")
        (_, _, flags, own_method, *_, name_length, extra_length) = LOCAL.unpack(header)
        own_name = decode_entry_name(os.pread(self._handle, name_length, start + LOCAL.size), flags)
        if own_method != method or clean_name(own_name, str(self.path)) != name:
            raise self._damaged(f"'{shown(name)}' is called '{shown(own_name)}' or packed otherwise in its own header")
        return name_length + extra_length

    def _enter(self, entry: Entry) -> None:
        def is_same(number: int) -> bool:
            return (self._crc32[number], self._sizes[number]) == (entry.crc32, entry.size)

        if not self.add(entry.name, entry.kind, entry.size, is_same):
            return
        self._offsets.append(entry.offset)
        self._packed.append(entry.packed)
        self._sizes.append(entry.size)
        self._crc32.append(entry.crc32)
        self._methods.append(entry.method)

    def _damaged(self, reason: str) -> DataError:
        return DataError(f"{self.path} is damaged: {reason}.", fix=DAMAGED)


def _sorted_starts(path: Path, starts: "array[int]", ends: "array[int]", directory_at: int) -> np.ndarray:
    """Where entries and the directory begin, in order. DataError when entries overlap: how the densest bombs are made."""
    order = np.argsort(np.frombuffer(starts, np.uint64), kind="stable")
    ordered = np.append(np.frombuffer(starts, np.uint64)[order], np.uint64(directory_at))
    if np.any(np.frombuffer(ends, np.uint64)[order] > ordered[1:]):
        raise DataError(
            f"{path}: members overlap.",
            expected="each file's bytes for itself.",
            fix="It is damaged or made to do harm: download it again from the official page.",
        )
    return ordered
