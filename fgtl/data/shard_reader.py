"""Positioned reads of single records from many shards, by many threads."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

from fgtl.tfrecord import FOOTER_BYTES, HEADER_BYTES, unframed


class ShardReader:
    """Positioned reads without a shared cursor, so threads need no lock around them.

    Args:
        paths: the shards; `payload` counts along them.
    """

    # Descriptors are scarce (1024 by default); shards behind the first 256 are opened for each read.
    kept_open = 256

    def __init__(self, paths: tuple[Path, ...]) -> None:
        self._paths = paths
        self._handles: dict[int, int] = {}
        self._lock = threading.Lock()

    def payload(self, shard: int, offset: int, length: int) -> bytes:
        """The payload at `offset` of a shard; RecordDamage unless it has that length and both its checksums."""
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
