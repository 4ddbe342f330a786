"""Re-read one shard and name every damage by record, id and byte. Runs in worker processes, so without TensorFlow."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fgtl.data import example
from fgtl.data.example import decode_example
from fgtl.data.images import BadImage, ImagePolicy, inspect, store
from fgtl.data.manifest import File, Index
from fgtl.data.tfrecord import FOOTER_BYTES, HEADER_BYTES, RecordDamage, read_records, unframed
from fgtl.errors import DataError
from fgtl.files import sha256_of


@dataclass(frozen=True)
class Damage:
    """One thing that is wrong with a record set.

    Attributes:
        file: name in the record set's folder.
        what: what is wrong there.
        record: number of the record in its shard, from 0; None when it is not about one.
        id: that record's image id, by the index; "" when it is not known.
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
    """One shard to read: what the manifest, and the index where it is whole, say about it."""

    path: Path
    file: File
    index: Index | None
    class_names: tuple[str, ...]
    policy: ImagePolicy
    digests: dict[str, str]


def check_shard(check: ShardCheck, advance: Callable[[int], None]) -> list[Damage]:
    """All damage of a shard, in the order of its records; calls `advance(1)` after each record that was read."""
    if not check.path.is_file():
        return [Damage(check.file.file, f"is missing, with {check.file.records:,} records")]
    digest = sha256_of(check.path)
    whole = digest == check.file.sha256
    if not whole and digest in check.digests:
        return [Damage(check.file.file, f"holds the content of {check.digests[digest]}")]
    walk = _by_framing(check) if check.index is None else _by_index(check, check.index, advance)
    found = list(walk)
    if not whole and not found:
        found = [Damage(check.file.file, "differs from what was written (sha256), though its records are whole")]
    return found


def _by_index(check: ShardCheck, index: Index, advance: Callable[[int], None]) -> Iterator[Damage]:
    """Every record where the index says that it is, so that a damaged one does not hide those behind it."""
    name, end = check.file.file, 0
    with check.path.open("rb") as file:
        for record in range(len(index)):
            start = int(index.offset[record]) - HEADER_BYTES
            size = HEADER_BYTES + int(index.length[record]) + FOOTER_BYTES
            file.seek(start)
            data = file.read(size)
            if len(data) < size:
                yield _cut_off(check, index, record, start + len(data))
                return
            end = start + size
            yield from _record_damage(check, index, record, data)
            advance(1)
    extra = check.path.stat().st_size - end
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
    try:
        features = decode_example(payload)
    except DataError as error:
        yield Damage(check.file.file, str(error), record, name, start + HEADER_BYTES)
        return
    expected: dict[str, list[Any]] = {
        example.ID: [name.encode("utf-8", "surrogateescape")],
        example.LABEL: [int(index.label[record])],
        example.HEIGHT: [int(index.height[record])],
        example.WIDTH: [int(index.width[record])],
    }
    for what in _content_damage(features, expected, check):
        yield Damage(check.file.file, what, record, name, start + HEADER_BYTES)


def _content_damage(features: dict[str, Any], expected: dict[str, list[Any]], check: ShardCheck) -> Iterator[str]:
    """What a record says differently from the index (`expected`; empty without one), the manifest, or its own image."""
    for key, value in expected.items():
        if list(features.get(key, ())) != value:
            yield f"{key} is {_shown(features.get(key))}, the index says {_shown(value)}"
    label = int(next(iter(features.get(example.LABEL, ())), -1))
    if not 0 <= label < len(check.class_names):
        yield f"label {label}, there are {len(check.class_names)} classes"
    elif features.get(example.CLASS_TEXT) != [check.class_names[label].encode("utf-8", "surrogateescape")]:
        yield f"class name {_shown(features.get(example.CLASS_TEXT))}, label {label} is {check.class_names[label]}"
    try:
        image = features.get(example.IMAGE, [b""])[0]
        facts = inspect(image, max_pixels=check.policy.max_pixels)
        if check.policy.check == "decode":
            store(image, check.policy)
    except (BadImage, IndexError) as error:
        yield f"its image cannot be read: {error}"
        return
    for key, size in ((example.HEIGHT, facts.height), (example.WIDTH, facts.width)):
        if list(features.get(key, ())) != [size]:
            yield f"{key} is {_shown(features.get(key))}, its image has {size}"


def _by_framing(check: ShardCheck) -> Iterator[Damage]:
    """Record after record, up to the first that is not whole: all that can be done without an index."""
    records = 0
    try:
        for offset, payload in read_records(check.path):
            for what in _content_damage(decode_example(payload), {}, check):
                yield Damage(check.file.file, what, records, byte=offset)
            records += 1
    except RecordDamage as damage:
        yield Damage(
            check.file.file, f"{damage.what} (without an index the rest was not read)", records, "", damage.byte
        )
        return
    except DataError as error:
        yield Damage(check.file.file, str(error), records)
        return
    if records != check.file.records:
        yield Damage(check.file.file, f"holds {records:,} records, the manifest says {check.file.records:,}")


def _shown(values: Any) -> str:
    if values is None or not len(values):
        return "missing"
    return ", ".join(value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value) for value in values)
