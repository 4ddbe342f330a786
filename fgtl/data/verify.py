"""Re-read a whole record set and name every damage by file, record, id and byte."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fgtl.data import example
from fgtl.data.example import decode_example
from fgtl.data.images import BadImage, ImagePolicy, inspect, store
from fgtl.data.manifest import LABELS, File, Index, Manifest, read_index, read_manifest
from fgtl.data.pool import run_tasks
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
class _Check:
    """One shard to read: what the manifest, and the index where it is whole, say about it."""

    path: Path
    file: File
    index: Index | None
    class_names: tuple[str, ...]
    policy: ImagePolicy
    digests: dict[str, str]


def verify(
    folder: Path, *, decode: bool = False, workers: int = 1, advance: Callable[[int], None] = lambda images: None
) -> list[Damage]:
    """Read everything: sizes, digests, checksums, every tf.Example, label, class name, image header, index and count.

    Any flipped bit of a shard is found, and located to its record. Memory: the indexes and one record a worker.

    Args:
        folder: a finished record set.
        decode: decode every pixel too.
        workers: processes.
        advance: called with the number of images checked since.

    Returns:
        The damage in the order of the files; empty for a whole record set.

    Raises:
        DataError: there is no manifest to compare with, or it cannot be read.
    """
    manifest = read_manifest(folder)
    indexes = {split: _sound_index(folder, file) for split, file in manifest.indexes.items()}
    found = [damage for damage, _ in indexes.values() if damage is not None]
    sound = {split: index for split, (_, index) in indexes.items() if index is not None}
    found += _count_damage(manifest, sound)
    policy = ImagePolicy(check="decode" if decode else "header", max_pixels=manifest.settings.get("max_pixels", 2**40))
    digests = {shard.sha256: shard.file for shards in manifest.shards.values() for shard in shards if shard.records}
    checks = [
        _Check(folder / shard.file, shard, _rows_of(sound.get(split), number), manifest.class_names, policy, digests)
        for split, shards in manifest.shards.items()
        for number, shard in enumerate(shards)
    ]
    by_file = {check.file.file: damage for check, damage in run_tasks(_check_shard, checks, workers, advance)}
    for check in checks:
        found += by_file[check.file.file]
    return [*found, *_other_files(folder, manifest)]


def _sound_index(folder: Path, file: File) -> tuple[Damage | None, Index | None]:
    path = folder / file.file
    if not path.is_file():
        return Damage(file.file, "is missing"), None
    if sha256_of(path) != file.sha256:
        return Damage(file.file, "differs from what was written (sha256)"), None
    try:
        return None, read_index(path)
    except DataError as error:
        return Damage(file.file, str(error).splitlines()[0]), None


def _rows_of(index: Index | None, shard: int) -> Index | None:
    if index is None:
        return None
    rows = index.shard == shard
    return Index(**{name: column[rows] for name, column in vars(index).items()})


def _count_damage(manifest: Manifest, indexes: dict[str, Index]) -> Iterator[Damage]:
    """Where indexes, manifest and labels disagree about numbers."""
    classes = len(manifest.class_names)
    for split, index in indexes.items():
        name = manifest.indexes[split].file
        wrong = np.flatnonzero((index.label < 0) | (index.label >= classes))
        if len(wrong):
            yield Damage(name, f"label {index.label[wrong[0]]} of id {index.id[wrong[0]]}, there are {classes} classes")
            continue
        if np.bincount(index.label, minlength=classes).tolist() != list(manifest.class_counts[split]):
            yield Damage(name, f"images a class differ from class_counts of {split} in the manifest")
        for number, shard in enumerate(manifest.shards[split]):
            listed = int((index.shard == number).sum())
            if listed != shard.records:
                yield Damage(name, f"lists {listed:,} records of {shard.file}, the manifest {shard.records:,}")
    ids = np.concatenate([index.id for index in indexes.values()]) if indexes else np.zeros(0, "U1")
    names, times = np.unique(ids, return_counts=True)
    for name in names[times > 1]:
        yield Damage("manifest.json", f"the id {name} is there {times[names == name][0]} times")


def _check_shard(check: _Check, advance: Callable[[int], None]) -> list[Damage]:
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


def _by_index(check: _Check, index: Index, advance: Callable[[int], None]) -> Iterator[Damage]:
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


def _cut_off(check: _Check, index: Index, record: int, end: int) -> Damage:
    left = len(index) - record
    which = "this record is" if left == 1 else f"records {record} to {len(index) - 1} ({left:,}) are"
    return Damage(check.file.file, f"the file ends here, {which} cut off", record, str(index.id[record]), end)


def _record_damage(check: _Check, index: Index, record: int, data: bytes) -> Iterator[Damage]:
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


def _content_damage(features: dict[str, Any], expected: dict[str, list[Any]], check: _Check) -> Iterator[str]:
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


def _by_framing(check: _Check) -> Iterator[Damage]:
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


def _other_files(folder: Path, manifest: Manifest) -> Iterator[Damage]:
    labels = folder / LABELS
    if not labels.is_file():
        yield Damage(LABELS, "is missing")
    elif labels.read_bytes() != manifest.labels_text().encode():
        yield Damage(LABELS, "differs from the class names in the manifest")
    known = {file.file for file in manifest.files}
    for entry in sorted(folder.iterdir()):
        if ".tfrecord" in entry.name and entry.name not in known:
            yield Damage(entry.name, "is not of this record set, but a reader that lists the folder would read it")


def _shown(values: Any) -> str:
    if values is None or not len(values):
        return "missing"
    return ", ".join(value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value) for value in values)
