"""Re-read one shard and name every damage by record, id and byte. Runs in worker processes, so without TensorFlow."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fgtl.data import example
from fgtl.data.image_files.policy import ImagePolicy
from fgtl.data.manifest import File, Index
from fgtl.data.record_check import record_problems, shown
from fgtl.data.scan import scan_records
from fgtl.errors import DataError
from fgtl.files import sha256_of
from fgtl.tfrecord import FOOTER_BYTES, HEADER_BYTES, RecordDamage, too_large, unframed
from fgtl.wire import decode_example


@dataclass(frozen=True)
class Damage:
    """One thing that is wrong with a record set.

    Attributes:
        file: name in the record set's folder.
        what: what is wrong there.
        record: number of the record in its shard, from 0; None when it is not about one.
        id: that record's image id, by the index or else by the record, if that is whole; "" when it is not known.
        byte: offset in the file; None when no place can be named.
    """

    file: str
    what: str
    record: int | None = None
    id: str = ""
    byte: int | None = None

    def __str__(self) -> str:
        record = "" if self.record is None else f" record {self.record}"
        name = f" (id {self.id})" if self.id else ""
        byte = "" if self.byte is None else f" byte {self.byte:,}"
        return f"{self.file}{record}{name}{byte}: {self.what}"


@dataclass(frozen=True)
class ShardCheck:
    """One shard to read: what the manifest says about it, and the index, None where that is not whole."""

    path: Path
    file: File
    index: Index | None
    class_names: tuple[str, ...]
    policy: ImagePolicy


@dataclass(frozen=True)
class ShardReport:
    """What was found: the file's digest ("" when it is missing), and all damage in the order of its records."""

    sha256: str
    damage: list[Damage]


def check_shard(check: ShardCheck, advance: Callable[[int], None]) -> ShardReport:
    """Read a whole shard; calls `advance(1)` after each record that was read."""
    if not check.path.is_file():
        return ShardReport("", [Damage(check.file.file, f"is missing, with {check.file.records:,} records")])
    digest = sha256_of(check.path)
    found = list(_by_scan(check, advance) if check.index is None else _by_index(check, check.index, advance))
    if digest != check.file.sha256 and not found:
        found = [Damage(check.file.file, "differs from what was written (sha256), though its records are whole")]
    return ShardReport(digest, found)


def _by_index(check: ShardCheck, index: Index, advance: Callable[[int], None]) -> Iterator[Damage]:
    """Every record where the index says that it is, so that a damaged one does not hide those behind it."""
    name, end, file_bytes = check.file.file, 0, check.path.stat().st_size
    with check.path.open("rb") as file:
        for record in range(len(index)):
            length = int(index.length[record])
            start, end = int(index.offset[record]) - HEADER_BYTES, int(index.offset[record]) + length + FOOTER_BYTES
            if end > file_bytes:
                yield _cut_off(check, index, record, file_bytes)
                return
            if too_large(length):  # before it takes the memory
                yield Damage(name, too_large(length), record, str(index.id[record]), start)
            else:
                file.seek(start)
                yield from _record_damage(check, index, record, file.read(end - start))
            advance(1)
    extra = file_bytes - end
    if extra:
        yield Damage(name, f"{extra:,} bytes follow the last record", byte=end)


def _cut_off(check: ShardCheck, index: Index, record: int, end: int) -> Damage:
    left = len(index) - record
    which = "this record is" if left == 1 else f"records {record} to {len(index) - 1} ({left:,}) are"
    return Damage(check.file.file, f"the file ends here, {which} cut off", record, str(index.id[record]), end)


def _record_damage(check: ShardCheck, index: Index, record: int, data: bytes) -> Iterator[Damage]:
    name, start = str(index.id[record]), int(index.offset[record]) - HEADER_BYTES
    try:
        payload = unframed(data, check.file.file, start)
    except RecordDamage as damage:
        yield Damage(check.file.file, damage.what, record, name, damage.byte)
        return
    expected: dict[str, list[Any]] = {
        example.ID: [name.encode("utf-8", "surrogateescape")],
        example.LABEL: [int(index.label[record])],
        example.HEIGHT: [int(index.height[record])],
        example.WIDTH: [int(index.width[record])],
    }
    for what in record_problems(payload, expected, check.class_names, check.policy):
        yield Damage(check.file.file, what, record, name, start + HEADER_BYTES)


def _by_scan(check: ShardCheck, advance: Callable[[int], None]) -> Iterator[Damage]:
    """Without an index: record after record, and behind damage from where records begin again."""
    stretches = 0
    for number, stretch in enumerate(scan_records(check.path)):
        stretches += 1
        advance(1)
        own, start = stretch.payload or b"", stretch.start + HEADER_BYTES
        if stretch.damage is not None:
            name = _own_id(own)
            what = f"{stretch.damage.what}{f' (it calls itself {name})' if name else ''}"
            yield Damage(check.file.file, what, number, "", stretch.damage.byte)
            continue
        for what in record_problems(own, {}, check.class_names, check.policy):
            yield Damage(check.file.file, what, number, _own_id(own), start)
    if stretches != check.file.records:
        yield Damage(check.file.file, f"holds {stretches:,} records, the manifest says {check.file.records:,}")


def _own_id(payload: bytes) -> str:
    """The id that a record, perhaps a damaged one, gives itself."""
    try:
        return shown(decode_example(payload)[example.ID])
    except (DataError, KeyError):
        return ""
